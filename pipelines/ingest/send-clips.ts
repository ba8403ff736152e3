import { concatMap } from 'rxjs'
import type { ClipStage, StageParts } from './clip-stage.js'
import type { ClipsOut } from './clips-out.js'

/** Split mode: clips go on with their pictures, and the model is elsewhere. */
export function sendClips(clips: ClipsOut, { pool, load, seen }: StageParts): ClipStage {
  return concatMap(async (some) => {
    await load.measure(some.length, () => clips.send(some))
    for (const { frames } of some) for (const { pixels } of frames) pool.release(pixels)
    for (const clip of some) seen.settle(clip.video.source, clip, undefined)
    return some
  })
}
