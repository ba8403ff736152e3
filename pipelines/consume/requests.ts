import { inspect } from '../../src/connect/files/discover/inspect.js'
import type { SampleRecord, VideoRecord } from '../../src/connect/kafka/records.js'
import { isS3 } from '../../src/connect/s3/uri.js'
import type { Sampling, Video } from '../../src/domain.js'
import { StanflowError } from '../../src/errors.js'
import { localPath, type Places } from '../places.js'

/** Seconds: as many windows as a fast camera has pictures. */
const LEAST_STRIDE = 0.01

/**
 * The video that a record asks for, as it is now.
 * @throws StanflowError INPUT_*, S3_*, KAFKA_SCHEMA
 */
export async function videoOf({ source, uri }: VideoRecord, places: Places): Promise<Video> {
  const found = isS3(uri)
    ? await objectOf(uri, places)
    : await inspect(localPath(uri), undefined, () => undefined)
  if ('error' in found) throw found.error
  return { ...found, source }
}

async function objectOf(uri: string, places: Places) {
  for await (const found of places.discover([uri], {})) {
    if ('error' in found || found.path === uri) return found
    break
  }
  throw new StanflowError('S3_OBJECT_MISSING', `${uri} is no object.`)
}

/** How the clips of a request are cut. @throws StanflowError KAFKA_SCHEMA where this consumer cannot do that */
export function samplingOf(sample: SampleRecord | null, own: Sampling): Sampling {
  if (sample === null) return own
  const { kind, frames, length, stride } = sample
  if (frames !== own.frames) {
    const sentence = `The request is for clips of ${frames} frames, and this consumer takes ${own.frames}.`
    throw new StanflowError('KAFKA_SCHEMA', sentence, { hint: `Run a consumer with --frames ${frames}.` })
  }
  if (kind === 'uniform') return { kind, frames }
  if (length === null || !(length > 0) || (stride !== null && !(stride > 0))) {
    throw new StanflowError('KAFKA_SCHEMA', 'The request is for windows without a length.')
  }
  if ((stride ?? length) < LEAST_STRIDE) {
    const sentence = `The request is for a window every ${stride ?? length} s; ${LEAST_STRIDE} s is the least.`
    throw new StanflowError('KAFKA_SCHEMA', sentence)
  }
  return { kind, frames, length, stride: stride ?? length }
}
