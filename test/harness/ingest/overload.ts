import { setTimeout as sleep } from 'node:timers/promises'
import { openModel } from '../../../pipelines/open-model.js'
import { TestCamera } from '../../support/camera.js'
import { camera, eventually, ingestOptions, RunningIngest } from '../../support/ingest.js'
import { quantile } from './measure.js'

export interface OverloadOptions {
  readonly cameras: number
  readonly seconds: number
  readonly model: string
  /** So many times what the model takes on this machine, as it is measured first. */
  readonly load: number
  /** Windows begin so many times a window's length: at 1 nothing can be widened, and all that is too much is dropped. */
  readonly overlap: number
  readonly say: (line: string) => void
}

export interface OverloadReport {
  /** Windows due for each that was delivered. */
  readonly load: number
  readonly due: number
  readonly delivered: number
  readonly dropped: number
  readonly widened: number
  /** Seconds from a clip's last frame to its result, in the first half of the run and in the second. */
  readonly early: { readonly p50: number; readonly p99: number }
  readonly late: { readonly p50: number; readonly p99: number }
  /** Difference between the cameras served most and least, as a share of the mean. */
  readonly spread: number
  /** Clips a second of the model alone. */
  readonly capacity: number
  /** Whether every clip that was cut was delivered or dropped. */
  readonly isAccounted: boolean
}

const PROBE_SECONDS = 8

/** What the model does with nothing else to do, clips that share nothing. */
async function clipsASecond(model: string): Promise<number> {
  const options = ingestOptions([], { model })
  const { model: loaded } = await openModel({
    ...{ ...options, sampling: { kind: 'uniform', frames: 12 }, concurrency: 1 },
  })
  const side = loaded.info.size
  const clip = { frames: Array.from({ length: 12 }, () => ({ pixels: new Uint8Array(side * side * 3) })) }
  await loaded.encodeVideo([clip])
  const begun = performance.now()
  let clips = 0
  for (; performance.now() - begun < PROBE_SECONDS * 1000; clips++) await loaded.encodeVideo([clip])
  const rate = clips / ((performance.now() - begun) / 1000)
  await loaded.close()
  return rate
}

/** More clips than the model can take. */
export async function overload(options: OverloadOptions): Promise<OverloadReport> {
  const { cameras: count, seconds, model, load, overlap } = options
  const capacity = await clipsASecond(model)
  const stride = Number((count / (load * capacity)).toFixed(1))
  const length = stride * overlap
  options.say(
    `the model alone takes ${capacity.toFixed(2)} clips/s; ${count} cameras with a clip every ${stride} s`,
  )
  const source = await TestCamera.start({ size: '320x180' })
  const windows = [{ kind: 'window', frames: 12, length, stride }] as const
  const cameras = Array.from({ length: count }, (_, n) =>
    camera(`c${n}`, source.url, { windows, fps: 12 / length }),
  )
  const waits: { readonly at: number; readonly wait: number }[] = []
  const running = new RunningIngest(ingestOptions(cameras, { model }), {
    parts: () => ({}),
    onLine: (line) => {
      const { type, end, source: from } = JSON.parse(line) as { type: string; end: number; source: string }
      if (type !== 'clip') return
      const at = Date.now() / 1000
      // The last frame's place in its window.
      waits.push({ at, wait: at - (end - length / 12 / 2) })
      served.set(from, (served.get(from) ?? 0) + 1)
    },
  })
  const served = new Map<string, number>()
  try {
    await eventually(
      () => served.size === count,
      180,
      () => running.said.slice(-5).join(''),
    )
    served.clear()
    const begun = Date.now() / 1000
    await sleep(seconds * 1000)
    const shares = cameras.map(({ id }) => served.get(`camera:${id}`) ?? 0)
    const { cameras: counts } = await running.stop()
    const mean = shares.reduce((a, b) => a + b, 0) / count
    const sum = (of: 'cut' | 'delivered' | 'dropped' | 'widened'): number =>
      counts.reduce((all, one) => all + one[of], 0)
    const half = (from: number, to: number) => {
      const some = waits.filter(({ at }) => at >= begun + from && at < begun + to).map(({ wait }) => wait)
      return { p50: quantile(some, 0.5), p99: quantile(some, 0.99) }
    }
    return {
      capacity,
      load: (sum('cut') + sum('widened')) / sum('delivered'),
      ...{ due: sum('cut') + sum('widened'), delivered: sum('delivered') },
      ...{ dropped: sum('dropped'), widened: sum('widened') },
      ...{ early: half(0, seconds / 2), late: half(seconds / 2, seconds) },
      spread: (Math.max(...shares) - Math.min(...shares)) / mean,
      isAccounted: counts.every(({ cut, delivered, dropped, still }) => cut === delivered + dropped + still),
    }
  } finally {
    await running.stop().catch(() => undefined)
    await source.stop()
  }
}
