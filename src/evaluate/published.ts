/** A published result, to stand beside a measured one. Text to video, R@1 on MSR-VTT 1k-A; top-1 on Kinetics-400 and SSv2. */
export interface Published {
  readonly model: string
  readonly msrvttR1?: number
  readonly k400Top1?: number
  readonly ssv2Top1?: number
}

/** Of "Revisiting Temporal Modeling for CLIP-based Image-to-Video Knowledge Transferring" (CVPR 2023), shares 0..1. */
export const PUBLISHED: readonly Published[] = [
  { model: 'CLIP, frames averaged (B/32; B/16 for top-1)', msrvttR1: 0.431, k400Top1: 0.799, ssv2Top1: 0.44 },
  { model: 'CLIP4Clip B/32', msrvttR1: 0.445 },
  { model: 'STAN-self B/32', msrvttR1: 0.469 },
  { model: 'STAN-conv B/32', msrvttR1: 0.466 },
  { model: 'STAN-self B/16', msrvttR1: 0.5, k400Top1: 0.842, ssv2Top1: 0.676 },
  { model: 'STAN-conv B/16', k400Top1: 0.831, ssv2Top1: 0.652 },
]
