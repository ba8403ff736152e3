import { z } from 'zod'
import type { Admin, TopicPartition } from '../../src/connect/kafka/client.js'

/** How far an archive has come in a partition, as it is committed. */
export interface Mark {
  /** Of the next record that is in no file yet. */
  readonly offset: bigint
  /** Records before this offset that belong into no file are dead letters already, even where they come after `offset`. */
  readonly buried: bigint
}

const note = z.object({ buried: z.string().regex(/^\d{1,19}$/) })

/** What is kept with the offset; undefined where that says it all. */
export function markText({ offset, buried }: Mark): string | undefined {
  return buried > offset ? JSON.stringify({ buried: String(buried) }) : undefined
}

/** Where a group stands in a partition, and the offset after the last record there is. @throws StanflowError KAFKA_* */
export async function readMark(
  admin: Admin,
  group: string,
  { topic, partition }: TopicPartition,
): Promise<{ readonly mark: Mark; readonly high: bigint }> {
  const range = (await admin.ranges(topic)).find((one) => one.partition === partition)
  const stands = (await admin.checkpoints(group, topic)).find((one) => one.partition === partition)
  return { mark: parseMark(stands?.offset ?? range?.low ?? 0n, stands?.metadata), high: range?.high ?? 0n }
}

/** A note that stanflow did not write counts as none. */
function parseMark(offset: bigint, text: string | undefined): Mark {
  try {
    const { buried } = note.parse(JSON.parse(text ?? ''))
    return { offset, buried: BigInt(buried) }
  } catch {
    return { offset, buried: offset }
  }
}
