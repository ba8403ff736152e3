/** A number that the tables hang on, and how it is known. */
export interface Figure {
  readonly value: number
  readonly unit: string
  readonly how: 'measured' | 'published' | 'assumed' | 'set'
  readonly source: string
}

const measured = (value: number, unit: string, source: string): Figure => ({
  value,
  unit,
  how: 'measured',
  source,
})
const published = (value: number, unit: string, source: string): Figure => ({
  value,
  unit,
  how: 'published',
  source,
})
/** A default of stanflow's. */
const set = (value: number, unit: string, source: string): Figure => ({ value, unit, how: 'set', source })
const assumed = (value: number, unit: string, source: string): Figure => ({
  value,
  unit,
  how: 'assumed',
  source,
})

/** Change one, then run `npm run scaling -- --write`: every table follows. */
export const FIGURES = {
  frameGflop: measured(
    8.82,
    'GFLOP a frame, ViT-B/32',
    'docs/performance.md, Engines: 388 GFLOP/s ÷ 44.0 frames/s',
  ),
  branch12: measured(
    0.41,
    'of what its frames cost, a clip of 12',
    'docs/performance.md, Engines, bf16: 1/4.58 s a clip, 12/77.5 s its frames',
  ),
  branch64: measured(
    0.21,
    'of what its frames cost, a clip of 64',
    'docs/performance.md, Clips of 64 frames: 1 s a clip, 64/77.5 s its frames',
  ),
  corePerCamera: measured(
    0.087,
    'cores, 720p30 H.264 decoded and scaled',
    'ffmpeg 5.1, one thread: 5.2 s for 60 s of video',
  ),
  gpuTflops: published(
    125,
    'TFLOP/s FP16, dense, NVIDIA L4',
    'https://hmc-tech.com/gpu/nvidia-l4-vs-nvidia-t4 (125.34 with FP32 accumulation), read 2026-11-25',
  ),
  gpuUse: assumed(
    0.35,
    'of the peak that a ViT reaches',
    'no GPU was measured; engines reach 0.82 to 0.92 of the peak on the processor',
  ),
  gpuDecode: assumed(
    90,
    '720p30 H.264 streams that an L4 decodes',
    'no GPU was measured; NVIDIA publishes rates a decoder, not a card',
  ),
  megabits: assumed(
    4,
    'Mbit/s of a camera or an archived video',
    'usual for 1080p H.264; 720p cameras send 2 to 4',
  ),
  jpegBytes: assumed(
    15_000,
    'bytes of a 224×224 JPEG, quality 90',
    'a busy picture; still ones are a third of it',
  ),
  embeddingBytes: assumed(
    2300,
    'bytes of an embedding record, 512 dimensions, Avro',
    'schemas/embedding.avsc: 4 × 512, twelve times and names',
  ),
  labelBytes: assumed(450, 'bytes of a labels record with five labels, Avro', 'schemas/label.avsc'),
  indexBytes: assumed(
    2500,
    'bytes a clip in the index',
    'vector of 2048 bytes and its columns, before compression',
  ),
  brokerMegabytes: assumed(
    50,
    'MB/s that a broker writes; each record is written three times',
    'a third of what disks and network of a small machine do',
  ),
  partitionMegabytes: assumed(5, 'MB/s through a partition', 'below what one kafkajs consumer reads'),
  rollRecords: set(10_000, 'records in a file of the archive at most', 'default of --roll-records'),
  rollSeconds: set(600, 'seconds that a file of the archive spans at most', 'default of --roll-time'),
  nightHours: assumed(8, 'hours in a night', ''),
  camerasOfIngest: measured(8, 'cameras that two cores took beside a broker', 'docs/cameras.md, Measured'),
  gpuDollars: assumed(0.8, '$ an hour of an L4', 'list prices of clouds differ by two'),
  coreDollars: assumed(0.04, '$ an hour of a core', 'the same'),
  brokerDollars: assumed(0.4, '$ an hour of a broker', 'the same'),
  putDollars: assumed(5e-6, '$ a PUT', 'the same'),
} as const satisfies Readonly<Record<string, Figure>>
