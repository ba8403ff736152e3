import { pino } from 'pino'
import type { CameraSettings, IngestHooks, IngestOptions, IngestSummary } from '../../pipelines/ingest.js'
import { ingest } from '../../pipelines/ingest.js'
import type { EventRecord } from '../../src/connect/kafka/records.js'
import { parseAddress } from '../../src/media/live/address.js'
import { Metrics } from '../../src/telemetry/metrics.js'
import { timeSpelled } from './camera.js'

/** A clip as `--to -` prints it. */
export interface ClipLine {
  readonly type: 'clip'
  readonly source: string
  readonly clip_id: string
  readonly clip_index: number
  readonly start: number
  readonly end: number
}

type EventLine = EventRecord & { readonly type: 'event' }

export function camera(id: string, url: string, more: Partial<CameraSettings> = {}): CameraSettings {
  return {
    ...{
      id,
      address: parseAddress(url),
      windows: [{ kind: 'window', frames: 12, length: 4, stride: 1 }],
      fps: 3,
    },
    ...{ labels: ['a red square', 'a blue circle'], prompts: ['{}'], transport: 'tcp', hwaccel: 'none' },
    ...{ keyframesOnly: false, loop: false, silence: 3, rules: [] },
    ...more,
  }
}

export function ingestOptions(
  cameras: readonly CameraSettings[],
  more: Partial<IngestOptions> = {},
): IngestOptions {
  return {
    ...{
      cameras,
      to: { kind: 'lines' },
      model: 'default',
      structure: 'auto',
      engine: 'auto',
      device: 'auto',
    },
    ...{ precision: 'fp32', top: 5, batch: 4, batchDeadline: 0.02, checkpointSeconds: 5, side: 224 },
    ...more,
  }
}

/** An ingest that runs in this process, and what came of it so far. */
export class RunningIngest {
  readonly clips: ClipLine[] = []
  readonly events: EventLine[] = []
  /** What cameras showed: seconds since 1970 that pictures spell, beside the time that was made out for them. */
  readonly shown = new Map<string, { readonly spelled: number; readonly time: number }[]>()
  readonly metrics = new Metrics({ process: false })
  readonly said: string[] = []
  readonly done: Promise<IngestSummary>
  readonly #stop = new AbortController()

  constructor(options: IngestOptions, hooks: IngestHooks = {}) {
    this.done = ingest(options, {
      signal: this.#stop.signal,
      metrics: this.metrics,
      log: pino({ level: 'debug' }, { write: (line: string) => void this.said.push(line) }),
      onLine: (text) => {
        const line = JSON.parse(text) as ClipLine | EventLine
        if (line.type === 'clip') this.clips.push(line)
        else this.events.push(line)
      },
      parts: ({ id }) => ({
        isNew: ({ pixels, time }) => {
          const millis = timeSpelled(pixels, Math.sqrt(pixels.length / 3))
          const list = this.shown.get(id) ?? []
          this.shown.set(id, list)
          if (millis !== undefined) list.push({ spelled: millis / 1000, time })
          return true
        },
      }),
      ...hooks,
    })
    this.done.catch(() => undefined)
  }

  clipsOf(id: string): readonly ClipLine[] {
    return this.clips.filter(({ source }) => source === `camera:${id}`)
  }

  eventsOf(id: string, kind?: string): readonly EventLine[] {
    return this.events.filter((one) => one.source === `camera:${id}` && (kind ?? one.kind) === one.kind)
  }

  stop(): Promise<IngestSummary> {
    this.#stop.abort()
    return this.done
  }
}

/** Resolves once `holds` does. @throws after so many seconds, with what `otherwise` says */
export async function eventually(
  holds: () => boolean,
  seconds: number,
  otherwise: () => string,
): Promise<void> {
  const deadline = performance.now() + seconds * 1000
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not within ${seconds} s: ${otherwise()}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
