// Run as a child process: `writer.js loop|once|hold|fill DIR`. What tests do to it, a user's machine does to a run.
import { fileURLToPath } from 'node:url'
import { asStanflowError } from '../../../src/errors.js'
import { clips, open, store, video } from './support.js'

export const VIDEOS = 12
/** Clips of a video in the loop: some fit a part, some span several. */
export const clipsIn = (i: number) => (i % 4 === 0 ? 9 : 2)
/** Every third video changes from round to round. */
export const contentIn = (i: number, round: number) =>
  i % 3 === 0 ? `video ${i}, round ${round}` : `video ${i}`
export const nameOf = (i: number) => `video-${String(i).padStart(2, '0')}.mp4`

/** Writes round after round until it is killed. */
async function loop(dir: string): Promise<void> {
  const results = await open(dir, { checkpointClips: 5 })
  process.stdout.write('ready\n')
  for (let round = 0; ; round = (round + 1) % 1000) {
    for (let i = 0; i < VIDEOS; i += 1) {
      const of = video(nameOf(i), contentIn(i, round))
      for (let from = results.progress(of).clips; from < clipsIn(i); from += 2) {
        await results.write(of, clips(of, from, Math.min(from + 2, clipsIn(i))))
      }
      await results.finish(of, clipsIn(i))
    }
    await results.checkpoint()
  }
}

/** Fills the disk, or its share of it; prints the error's code. */
async function fill(dir: string): Promise<void> {
  try {
    const results = await open(dir)
    try {
      for (let i = 0; i < 1000; i += 1) {
        await store(results, video(nameOf(i)), 200)
        await results.checkpoint()
      }
    } finally {
      await results.close()
    }
  } catch (error) {
    process.stdout.write(asStanflowError(error).code)
  }
}

/** Stores one video, or prints why it may not. */
async function once(dir: string): Promise<void> {
  try {
    const results = await open(dir)
    await store(results, video('one.mp4'), 1)
    await results.close()
    process.stdout.write('stored')
  } catch (error) {
    const { code, stack } = asStanflowError(error)
    process.stdout.write(code)
    process.stderr.write(`${stack}\n`)
  }
}

/** Keeps the folder until it is killed. */
async function hold(dir: string): Promise<void> {
  await open(dir)
  process.stdout.write('ready\n')
  setInterval(() => {}, 1000)
}

const MODES = new Map(Object.entries({ loop, fill, once, hold }))
// Other tests take names from here.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , mode = '', dir = ''] = process.argv
  await MODES.get(mode)?.(dir)
}
