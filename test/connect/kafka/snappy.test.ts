import assert from 'node:assert/strict'
import { test } from 'node:test'
import { packSnappy, unpackSnappy } from '../../../src/connect/kafka/kafkajs/snappy.js'

/** As snappy-java writes them; that Kafka's own broker does so is tested with one (contract.ts). */
async function javaStream(...texts: readonly string[]): Promise<Buffer> {
  const parts: Buffer[] = [Buffer.from('82534e41505059000000000100000001', 'hex')]
  for (const text of texts) {
    const block = await packSnappy(Buffer.from(text))
    const length = Buffer.alloc(4)
    length.writeUInt32BE(block.length)
    parts.push(length, block)
  }
  return Buffer.concat(parts)
}

test("Snappy comes apart as one raw block, and as the blocks of Java's stream", async () => {
  assert.equal(String(await unpackSnappy(await packSnappy(Buffer.from('raw'.repeat(99))))), 'raw'.repeat(99))
  assert.equal(String(await unpackSnappy(await javaStream('one ', 'two'))), 'one two')
  assert.equal((await unpackSnappy(await javaStream())).length, 0)
})

test('Snappy that was cut is an error, wherever', async () => {
  const whole = await javaStream('one '.repeat(50), 'two '.repeat(50))
  const blocks = [whole.length, 16, 16 + 4 + whole.readUInt32BE(16)]
  for (let bytes = 1; bytes < whole.length; bytes++)
    if (!blocks.includes(bytes))
      await assert.rejects(unpackSnappy(whole.subarray(0, bytes)), `${bytes} bytes`)
})
