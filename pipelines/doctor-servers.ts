import { once } from 'node:events'
import { connect } from 'node:net'
import { openKafka } from '../src/connect/kafka/open.js'
import { Registry } from '../src/connect/kafka/registry.js'
import { S3, type S3Settings } from '../src/connect/s3/client.js'
import { parseS3 } from '../src/connect/s3/uri.js'
import { asStanflowError } from '../src/errors.js'
import type { Finding } from './finding.js'
import type { KafkaOptions } from './kafka.js'

/** The servers to look for. */
export interface Servers extends KafkaOptions {
  readonly s3: S3Settings
  /** `s3://bucket/prefix`, each of which has to be listed. */
  readonly places: readonly string[]
}

const KNOCK_MS = 3000
const ANSWER_MS = 20_000
/** A server that is asked for a sign of life should not take as long as one that has work to do. */
const S3_SECONDS = 5

/** A row for each server; never throws. */
export async function lookAtServers(servers: Servers): Promise<readonly Finding[]> {
  const { registry, places, s3 } = servers
  const client = new S3({ ...s3, timeoutSeconds: S3_SECONDS })
  return Promise.all([
    finding('kafka', () => lookAtKafka(servers)),
    ...(registry === undefined ? [] : [finding('registry', () => lookAtRegistry(registry))]),
    ...places.map((place) => finding(place, () => lookAtBucket(client, place))),
  ])
}

async function finding(name: string, look: () => Promise<string>): Promise<Finding> {
  const slow = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error(`no answer within ${ANSWER_MS / 1000} s`)), ANSWER_MS).unref()
  })
  try {
    return { name, ok: true, detail: await Promise.race([look(), slow]) }
  } catch (thrown) {
    const { message, hint, code } = asStanflowError(thrown)
    return { name, ok: false, detail: message, ...(code !== 'INTERNAL' && { hint }) }
  }
}

async function lookAtKafka({ kafka, prefix }: Servers): Promise<string> {
  const { brokers } = kafka
  const doors = await Promise.all(brokers.map(isOpen))
  // The client tries again for long; whether anybody is there at all is known at once.
  if (doors.includes(true)) {
    const client = await openKafka(kafka)
    try {
      const admin = await client.admin()
      const topics = await admin.describeTopics()
      const own = topics.filter(({ topic }) => topic.startsWith(prefix)).length
      return `${brokers.join(', ')}: ${own} topics named ${prefix}…${own === 0 ? ' (stanflow topics create)' : ''}`
    } finally {
      await client.close()
    }
  }
  throw new Error(`nobody listens at ${brokers.join(', ')} (--brokers)`)
}

async function isOpen(broker: string): Promise<boolean> {
  const { hostname, port } = new URL(`kafka://${broker}`)
  const socket = connect({ host: hostname, port: Number(port || 9092), timeout: KNOCK_MS })
  try {
    await Promise.race([
      once(socket, 'connect'),
      once(socket, 'timeout').then(() => Promise.reject(new Error('no answer'))),
    ])
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

async function lookAtRegistry(url: string): Promise<string> {
  const subjects = await new Registry(url).subjects()
  return `${subjects.length} subjects`
}

async function lookAtBucket(client: S3, place: string): Promise<string> {
  let objects = 0
  for await (const _ of client.list(parseS3(place), 1)) objects++
  return objects === 0 ? 'can be listed; nothing is there' : 'can be listed'
}
