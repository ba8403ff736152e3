import { createHash } from 'node:crypto'
import type { ClipPlan, Sampling, Video } from '../src/domain.js'

/** A clip's identity, 32 hex digits: the same work has the same id on every machine. */
export function clipId(
  video: Pick<Video, 'source' | 'fingerprint'>,
  { start, end }: Pick<ClipPlan, 'start' | 'end'>,
  sampling: Sampling,
  modelDigest: string,
): string {
  const { kind, frames } = sampling
  const cut = kind === 'window' ? [sampling.length, sampling.stride] : []
  const identity = [video.source, video.fingerprint, start, end, kind, frames, ...cut, modelDigest]
  return createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 32)
}
