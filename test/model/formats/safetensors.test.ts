import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { StanflowError } from '../../../src/errors.js'
import { openSafetensors } from '../../../src/model/formats/safetensors.js'
import { openTorchCheckpoint } from '../../../src/model/formats/torch.js'
import { writeSafetensors } from '../../../src/model/formats/write-safetensors.js'
import { fixture } from '../../support/fixtures.js'

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stanflow-safetensors-'))
})
after(() => rm(folder, { recursive: true }))

describe('safetensors', () => {
  test('every type of number survives writing and reading; the same tensors give the same file', async () => {
    const { tensors } = await openTorchCheckpoint(fixture('formats/types-protocol2.pt'))
    const paths = [join(folder, 'a.safetensors'), join(folder, 'b.safetensors')] as const
    const written = await writeSafetensors(paths[0], tensors, { metadata: { from: 'a test' } })
    await writeSafetensors(paths[1], new Map([...tensors].reverse()), { metadata: { from: 'a test' } })
    const bytes = await readFile(paths[0])
    assert.deepEqual(bytes, await readFile(paths[1]))
    assert.equal(written.sha256, createHash('sha256').update(bytes).digest('hex'))
    assert.equal(written.bytes, bytes.length)

    const file = openSafetensors(paths[0])
    assert.equal(file.metadata.from, 'a test')
    assert.equal(file.digest(), written.sha256)
    assert.deepEqual([...file.tensors.keys()].sort(), [...tensors.keys()].sort())
    for (const [name, { dtype, shape, bytes: read }] of file.tensors) {
      const original = tensors.get(name)
      assert.deepEqual([dtype, shape, read()], [original?.dtype, original?.shape, original?.bytes()], name)
    }
    assert.deepEqual([...file.read('float64').data], [1.5, -2, 0, 65504, 2 ** -24, -0.125])
    file.close()
  })

  test('a file cut off, or one whose header lies, is refused', async () => {
    const whole = await readFile(fixture('tiny/wti.safetensors'))
    const long = Buffer.from(whole)
    long.writeBigUInt64LE(1n << 40n)
    for (const bytes of [whole.subarray(0, 4), whole.subarray(0, 100), whole.subarray(0, -1), long]) {
      const path = join(folder, 'broken.safetensors')
      await writeFile(path, bytes)
      assert.throws(
        () => openSafetensors(path),
        (error) => error instanceof StanflowError && error.code === 'MODEL_WEIGHTS',
      )
    }
  })
})
