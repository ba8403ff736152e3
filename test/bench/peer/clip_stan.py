"""CLIP ViT with STAN-self in PyTorch: transformers' CLIP and a branch written for this benchmark.

    clip_stan.py serve --precision fp32 --frames 12     answers lines "trunk CLIPS" and "video CLIPS" with seconds of wall and CPU
    clip_stan.py check FOLDER GOLDENS                   prints how far a model folder's video embeddings are from the goldens
"""

import argparse
import json
import os
import resource
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F
from transformers import CLIPConfig, CLIPModel, CLIPVisionConfig, CLIPVisionModelWithProjection


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x):
        n, length, width = x.shape
        q, k, v = (p(x).view(n, length, self.heads, -1).transpose(1, 2) for p in (self.q_proj, self.k_proj, self.v_proj))
        return self.out_proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, length, width))


class Mlp(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x):
        hidden = self.fc1(x)
        return self.fc2(hidden * torch.sigmoid(1.702 * hidden))


class TimeLayer(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.layer_norm1, self.self_attn = nn.LayerNorm(width), Attention(width, heads)
        self.temporal_fc = nn.Linear(width, width)

    def forward(self, patches):  # (B*L, T, D)
        return patches + self.temporal_fc(self.self_attn(self.layer_norm1(patches)))


class SpaceLayer(nn.Module):
    def __init__(self, width, hidden, heads):
        super().__init__()
        self.layer_norm1, self.self_attn = nn.LayerNorm(width), Attention(width, heads)
        self.layer_norm2, self.mlp = nn.LayerNorm(width), Mlp(width, hidden)


class Stan(nn.Module):
    """The branch beside CLIP's last `depth` layers."""

    def __init__(self, config, depth):
        super().__init__()
        width, hidden, heads = config.hidden_size, config.intermediate_size, config.num_attention_heads
        self.STAN_time_embed = nn.Embedding(64, width)
        self.STAN_T_layers = nn.ModuleList(TimeLayer(width, heads) for _ in range(depth))
        self.STAN_S_layers = nn.ModuleList(SpaceLayer(width, hidden, heads) for _ in range(depth))

    def forward(self, hidden, T, class_embedding, position):
        """`hidden`: the outputs of CLIP's last layers, each (B*T, 1+L, D) -> the branch's class token (B, D)."""
        cls = patches = None
        for features, over_time, over_space in zip(hidden, self.STAN_T_layers, self.STAN_S_layers):
            n, tokens, D = features.shape
            B, L = n // T, tokens - 1
            f = features.view(B, T, tokens, D)
            f_cls, f_patches = f[:, :, 0].mean(1), f[:, :, 1:]
            if cls is None:
                cls = (f_cls + class_embedding + position[0]) / 2
                patches = f_patches + position[1:] + self.STAN_time_embed.weight[:T].view(1, T, 1, D)
            else:
                cls, patches = cls + f_cls, patches + f_patches
            columns = patches.transpose(1, 2).reshape(B * L, T, D)
            patches = over_time(columns).view(B, L, T, D).transpose(1, 2)
            frames = torch.cat([cls.view(B, 1, 1, D).expand(B, T, 1, D), patches], 2).reshape(B * T, tokens, D)
            update = over_space.self_attn(over_space.layer_norm1(frames)).view(B, T, tokens, D)
            cls, patches = cls + update[:, :, 0].mean(1), patches + update[:, :, 1:]
            cls = cls + over_space.mlp(over_space.layer_norm2(cls))
            patches = patches + over_space.mlp(over_space.layer_norm2(patches))
        return cls


class ClipStan(nn.Module):
    def __init__(self, vision, stan, depth):
        super().__init__()
        self.vision, self.stan, self.depth = vision, stan, depth

    def trunk(self, pixels):
        return self.vision(pixels).image_embeds

    def forward(self, pixels, T):
        model = getattr(self.vision, "vision_model", self.vision)
        out = model(pixels, output_hidden_states=True)
        hidden = out.hidden_states
        embeddings = model.embeddings
        cls = self.stan(
            hidden[-self.depth :], T, embeddings.class_embedding, embeddings.position_embedding.weight
        )
        tokens = out.last_hidden_state[:, 0].view(-1, T, cls.shape[-1]) + cls.unsqueeze(1)
        frames = self.vision.visual_projection(model.post_layernorm(tokens))
        return F.normalize(frames.mean(1), dim=-1)


def serve(precision, frames, depth):
    torch.manual_seed(0)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    config = CLIPVisionConfig(patch_size=32, projection_dim=512)
    vision = CLIPVisionModelWithProjection(config)
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
    model = ClipStan(vision, Stan(config, depth), depth).eval().to(dtype)
    inputs = {}
    print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads()}), flush=True)
    for line in sys.stdin:
        kind, clips = line.split()
        pixels = inputs.setdefault(clips, torch.randn(int(clips) * frames, 3, 224, 224, dtype=dtype))
        with torch.inference_mode():
            wall, cpu = time.perf_counter(), time.process_time()
            model.trunk(pixels) if kind == "trunk" else model(pixels, frames)
            times = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        times["peakMiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(times), flush=True)


def check(folder, goldens):
    from safetensors.torch import load_file

    config = CLIPConfig.from_pretrained(folder)
    clip = CLIPModel(config)
    missing = clip.load_state_dict(load_file(os.path.join(folder, "model.safetensors")), strict=False).missing_keys
    assert not [name for name in missing if "position_ids" not in name], missing
    branch = load_file(os.path.join(folder, "branch.safetensors"))
    depth = sum(name.endswith("temporal_fc.weight") for name in branch)
    stan = Stan(config.vision_config, depth)
    stan.load_state_dict(branch)
    vision = nn.Module()
    vision.vision_model, vision.visual_projection = clip.vision_model, clip.visual_projection
    golden = load_file(goldens)
    pixels = golden["pixel_values"]
    T = pixels.shape[1]
    with torch.inference_mode():
        got = ClipStan(vision.eval(), stan.eval(), depth).eval()(pixels.flatten(0, 1), T)
    print((got - F.normalize(golden["stan-self.video_embed"], dim=-1)).abs().max().item())


parser = argparse.ArgumentParser()
parser.add_argument("command", choices=["serve", "check"])
parser.add_argument("paths", nargs="*")
parser.add_argument("--precision", default="fp32")
parser.add_argument("--frames", type=int, default=12)
parser.add_argument("--depth", type=int, default=4)
args = parser.parse_args()
if args.command == "serve":
    serve(args.precision, args.frames, args.depth)
else:
    check(*args.paths)
