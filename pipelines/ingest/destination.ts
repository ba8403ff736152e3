import type { Event } from '../../src/domain.js'
import type { ModelInfo } from '../../src/engine/engine.js'
import { StanflowError } from '../../src/errors.js'
import { patience } from '../../src/persist.js'
import type { Logger } from '../../src/telemetry/log.js'
import type { Places } from '../places.js'
import { ClipsOut } from './clips-out.js'
import { kafkaSink } from './kafka-sink.js'
import { linesSink } from './lines-sink.js'
import type { IngestOptions } from './options.js'
import { PlaceSink } from './place-sink.js'
import { type LiveSink, PASSING } from './sink.js'

export interface DestinationParts {
  readonly options: IngestOptions
  readonly places: Places
  /** Absent in split mode. */
  readonly info: ModelInfo | undefined
  readonly log: Logger
  readonly giveUp: AbortSignal
  /** Aborted when all is to end. */
  readonly signal: AbortSignal
  readonly onLine: (line: string) => void
  /** Told the ids of clips that a sink which stores later has stored. */
  readonly onStored: (clipIds: readonly string[]) => void
}

/** Where clips and events go: with `clips`, clips go there with their pictures, and no results. */
export interface OpenDestination {
  readonly sink: LiveSink
  readonly clips?: ClipsOut
}

/** @throws StanflowError KAFKA_*, OUTPUT_*, S3_* */
export async function openDestination(parts: DestinationParts): Promise<OpenDestination> {
  const { options, places, info, log, giveUp, signal, onLine, onStored } = parts
  const { to, checkpointSeconds, side } = options
  if (to.kind === 'lines') return { sink: linesSink(onLine) }
  if (to.kind === 'kafka') return { sink: await kafkaSink({ ...to, log, giveUp, signal }) }
  if (to.kind === 'place') {
    if (info === undefined) throw new StanflowError('INTERNAL', 'Results were to be stored without a model.')
    const { format, place } = to
    const again = patience({
      ...{ passing: PASSING, signal: giveUp },
      onWait: ({ code, message: reason }) => log.warn({ code, reason }, 'results wait for their place'),
    })
    const blobs = places.results(place)
    return { sink: await PlaceSink.open({ blobs, format, checkpointSeconds, info, again, onStored }) }
  }
  const { place, ...kafka } = to
  const beside = place === undefined ? {} : { place: places.results(place) }
  const clips = await ClipsOut.open({ ...kafka, ...beside, log, giveUp, signal, side })
  const { out } = clips
  const sink: LiveSink = {
    results: async () => undefined,
    events: (events: readonly Event[]) => out.sendEvents(events),
    close: () => out.close(),
  }
  return { sink, clips }
}
