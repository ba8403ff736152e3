import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { archive } from '../../pipelines/archive.js'
import { indexMoments } from '../../pipelines/index-moments.js'
import type { OutgoingRecord } from '../../src/connect/kafka/client.js'
import { ERROR_CODES } from '../../src/errors.js'
import { inFolder } from '../connect/files/support.js'
import { ENVELOPES } from '../harness/fuzz/doors/envelopes.js'
import { clipId, embeddingRecord, outgoing } from '../search/records.js'
import { query } from '../support/query.js'
import { ownTopics } from './consume/support.js'

const GOOD = 8

test('records that no producer of ours would send stop neither archive nor index: each is taken, or told', () =>
  inFolder(async (dir) => {
    const { prefix, cluster, send, all } = await ownTopics(1)
    const names = Object.keys(ENVELOPES)
    const records = await outgoing(
      prefix,
      Array.from({ length: GOOD + names.length }, (_, n) => ({ clip: embeddingRecord(n) })),
    )
    const good = records.slice(0, GOOD)
    const poisoned = names.map((name, n) => {
      const record = records[GOOD + n] as OutgoingRecord
      return (ENVELOPES[name] as (one: OutgoingRecord) => OutgoingRecord)(record)
    })
    // Good ones first, among them and last.
    for (const [n, one] of poisoned.entries()) await send([...good.slice(n, n + 1), one])
    const [last] = await outgoing(prefix, [{ clip: embeddingRecord(1000) }])
    await send([last as OutgoingRecord])

    const to = join(dir, 'archive')
    const roll = { rollRecords: 1000, rollTime: 3600, sessionTimeout: 6, untilQuiet: 3 }
    const { records: archived, deadLetters } = await archive({
      ...{ ...cluster, group: `${prefix}archive`, to },
      ...roll,
    })
    assert.equal(archived + deadLetters, GOOD + 1 + poisoned.length)
    const rows = await query<{ clip_id: string }>(`SELECT clip_id FROM '${to}/embeddings/**/*.parquet'`)
    const ids = rows.map(({ clip_id }) => clip_id)
    assert.deepEqual([ids.length, new Set(ids).size], [archived, archived], 'each once')
    for (const n of [...Array(GOOD).keys(), 1000]) assert.ok(ids.includes(clipId(n)), `good ${n} is archived`)
    const letters = await all('dead-letter')
    assert.equal(letters.length, deadLetters)
    for (const { headers } of letters) {
      const { stanflow_error_code: code = '' } = headers
      assert.ok(code !== 'INTERNAL' && (ERROR_CODES as readonly string[]).includes(code), code)
    }

    const index = { from: 'kafka://', to: join(dir, 'index'), kafka: cluster, untilQuiet: 3 }
    const { added, read, unreadable } = await indexMoments(index)
    assert.equal(read, GOOD + 1 + poisoned.length)
    assert.deepEqual([added, unreadable], [archived, deadLetters], 'what is bad to one is bad to the other')
  }))
