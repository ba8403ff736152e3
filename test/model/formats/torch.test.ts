import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { StanflowError } from '../../../src/errors.js'
import type { StoredTensor } from '../../../src/model/formats/stored.js'
import { openTorchCheckpoint } from '../../../src/model/formats/torch.js'
import { toFloat32 } from '../../../src/model/formats/values.js'
import { writeCheckpoint } from '../../support/checkpoints.js'
import { fixture, fixtureJson } from '../../support/fixtures.js'
import { zip } from '../../support/zip.js'

interface Expected {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly values: readonly number[]
}

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stanflow-torch-'))
})
after(() => rm(folder, { recursive: true }))

const values = (tensor: StoredTensor): number[] => [...toFloat32(tensor.dtype, tensor.bytes())]
const code = (expected: string) => (error: unknown) => {
  assert.ok(error instanceof StanflowError, String(error))
  assert.equal(error.code, expected, error.message)
  return true
}

describe('what torch.save wrote is read number by number', () => {
  const expected = fixtureJson<Record<string, Expected>>('formats/types.json')
  for (const file of [
    'types-protocol2.pt',
    'types-protocol3.pt',
    'types-protocol4.pt',
    'types-protocol5.pt',
    'types-legacy.bin',
  ]) {
    test(file, async () => {
      const { tensors, close } = await openTorchCheckpoint(fixture(`formats/${file}`))
      assert.deepEqual([...tensors.keys()].sort(), Object.keys(expected).sort())
      for (const [name, { dtype, shape, values: numbers }] of Object.entries(expected)) {
        const tensor = tensors.get(name) as StoredTensor
        assert.deepEqual([tensor.dtype, tensor.shape], [dtype, shape], name)
        assert.deepEqual(values(tensor), numbers, name)
      }
      close()
    })
  }

  test('a TorchScript archive, as OpenAI publishes CLIP: the modules’ attributes', async () => {
    const { tensors, close } = await openTorchCheckpoint(fixture('formats/script.pt'))
    assert.deepEqual([...tensors.keys()].sort(), [
      'logit_scale',
      'visual.ln_post.bias',
      'visual.ln_post.weight',
      'visual.proj',
    ])
    assert.deepEqual(values(tensors.get('visual.proj') as StoredTensor), [0, 1, 2, 3, 4, 5])
    close()
  })

  test('a runner’s checkpoint, with its log and its optimizer: the weights alone', async () => {
    const path = join(folder, 'epoch_5.pth')
    writeCheckpoint('stan-pth', path)
    const { tensors, skipped, close } = await openTorchCheckpoint(path)
    assert.deepEqual(skipped, ['meta', 'message_hub', 'optimizer', 'param_schedulers'])
    assert.ok(tensors.has('backbone.STAN_T_layers.0.temporal_fc.weight'))
    close()
  })
})

describe('a pickle that would run something is refused', () => {
  const MARKER = 'stanflow-was-here'
  const malicious = readdirSync(fixture('formats')).filter((name) => name.startsWith('malicious-'))

  test('there are such files, and Python’s own pickle runs what is in them', async () => {
    assert.equal(malicious.length, 5)
    const load = 'import pickle, sys; f = open(sys.argv[1], "rb"); [pickle.load(f) for _ in range(4)]'
    const file = fixture('formats/malicious-legacy.bin')
    await promisify(execFile)('python3', ['-c', load, file], { cwd: folder })
    assert.ok(existsSync(join(folder, MARKER)))
    await rm(join(folder, MARKER))
  })

  for (const [file, name] of [
    ['malicious-os-system.pth', 'posix.system'],
    ['malicious-legacy.bin', 'posix.system'],
    ['malicious-eval.pth', '__builtin__.eval'],
    ['malicious-subprocess.pth', 'commands.call'],
    ['malicious-nested.pth', 'torch.storage._load_from_bytes'],
  ] as const) {
    test(`${file}: ${name}`, async () => {
      const here = process.cwd()
      process.chdir(folder)
      try {
        await assert.rejects(openTorchCheckpoint(fixture(`formats/${file}`)), (error: unknown) => {
          code('MODEL_UNSAFE')(error)
          assert.match((error as StanflowError).message, new RegExp(name.replaceAll('.', '\\.')))
          return true
        })
      } finally {
        process.chdir(here)
      }
      assert.ok(!existsSync(join(folder, MARKER)))
    })
  }

  const pickles: Readonly<Record<string, Buffer>> = {
    'a call by protocol 0’s INST': Buffer.from(`\x80\x02(X\x02\x00\x00\x00lsiposix\nsystem\n.`, 'latin1'),
    'a call by OBJ': Buffer.from('\x80\x02(ccollections\nOrderedDict\no.', 'latin1'),
    'a call with keywords': Buffer.from('\x80\x04ccollections\nOrderedDict\n)}\x92.', 'latin1'),
    'an extension registry': Buffer.from('\x80\x02\x82\x01.', 'latin1'),
    'buffers from elsewhere': Buffer.from('\x80\x05\x97.', 'latin1'),
    'the state of a tensor': Buffer.from('\x80\x02ctorch\nSize\n)R}b.', 'latin1'),
    'an attribute of anything but a log': Buffer.from(
      '\x80\x02cbuiltins\ngetattr\nctorch\nSize\nX\x01\x00\x00\x00x\x86R.',
      'latin1',
    ),
    'a name of two strings': Buffer.from('\x80\x04\x8c\x05posix\x8c\x06system\x93.', 'latin1'),
    'a call of what was made by a call': Buffer.from('\x80\x02ccollections\nOrderedDict\n)R)R.', 'latin1'),
    'a name that only begins like a harmless one': Buffer.from(
      '\x80\x02ctorch\nfloat32.__class__\n.',
      'latin1',
    ),
    'the name alone, not called': Buffer.from('\x80\x02cos\nsystem\n.', 'latin1'),
  }
  for (const [what, pickle] of Object.entries(pickles)) {
    test(what, async () => {
      const path = join(folder, 'evil.pth')
      await writeFile(path, zip(new Map([['a/data.pkl', pickle]])))
      await assert.rejects(openTorchCheckpoint(path), code('MODEL_UNSAFE'))
    })
  }
})

describe('a file that is not whole is refused', () => {
  const whole = readFileSync(fixture('formats/types-protocol2.pt'))
  const legacy = readFileSync(fixture('formats/types-legacy.bin'))

  const check = async (bytes: Uint8Array): Promise<void> => {
    const path = join(folder, 'broken.pt')
    await writeFile(path, bytes)
    await assert.rejects(
      openTorchCheckpoint(path).then(({ tensors }) => {
        for (const tensor of tensors.values()) tensor.bytes()
      }),
      code('MODEL_WEIGHTS'),
    )
  }

  test('cut off anywhere', async () => {
    for (const part of [0, 0.1, 0.5, 0.9, 0.99]) {
      await check(whole.subarray(0, Math.floor(whole.length * part)))
      await check(legacy.subarray(0, Math.floor(legacy.length * part)))
    }
  })

  const pickles: Readonly<Record<string, string>> = {
    'a pickle that ends too soon': '\x80\x02}q\x00',
    'a value that is missing': '\x80\x02.',
    'a number of memory that does not exist': '\x80\x02h\x05.',
    'a text longer than the file': '\x80\x02X\xff\xff\xff\x7fa.',
    'an endless number': '\x80\x02\x8b\xff\xff\xff\x7f.',
    'no tensors': '\x80\x02}.',
    'an unknown instruction': '\x80\x02\xff.',
    'a newer protocol': '\x80\x09}.',
    'a dictionary in itself': '\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.',
  }
  for (const [what, pickle] of Object.entries(pickles)) {
    test(what, () => check(zip(new Map([['a/data.pkl', Buffer.from(pickle, 'latin1')]]))))
  }

  const tensor = (sizes: string): Buffer =>
    Buffer.from(
      `\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQ${sizes}\x89}tRs.`,
      'latin1',
    )
  const entries = (sizes: string) =>
    zip(
      new Map([
        ['a/data.pkl', tensor(sizes)],
        ['a/data/0', Buffer.alloc(16)],
      ]),
    )
  test('a storage that claims to be longer than the file takes no memory', () => {
    const lying = entries('K\x00J\x00\x00\x00\x40\x85K\x01\x85')
    // The sizes of `a/data/0` in the central directory, stored and unpacked.
    const at = lying.lastIndexOf('a/data/0') - 46
    lying.writeUInt32LE(0xfffffff0, at + 20)
    lying.writeUInt32LE(0xfffffff0, at + 24)
    return check(lying)
  })
  test('a tensor beyond its storage', () => check(entries('K\x01K\x04\x85K\x01\x85')))
  test('a tensor with a negative step', () => check(entries('K\x00K\x02\x85J\xff\xff\xff\xff\x85')))
  test('a broadcast of a billion numbers', () => check(entries('K\x00J\x00\xca\x9a\x3b\x85K\x00\x85')))
  test('a storage that is not in the archive', () =>
    check(zip(new Map([['a/data.pkl', tensor('K\x00K\x04\x85K\x01\x85')]]))))
  test('the same tensor, rightly sized, is read', async () => {
    const path = join(folder, 'whole.pt')
    await writeFile(path, entries('K\x00K\x04\x85K\x01\x85'))
    const { tensors } = await openTorchCheckpoint(path)
    assert.deepEqual(values(tensors.get('w') as StoredTensor), [0, 0, 0, 0])
  })
})

test('bytes changed at random: read, or refused in words, and nothing else', async () => {
  const files = ['types-protocol2.pt', 'types-protocol4.pt', 'types-legacy.bin', 'script.pt']
  const whole = files.map((name) => readFileSync(fixture(`formats/${name}`)))
  const path = join(folder, 'changed.pt')
  const change = fc.tuple(fc.nat(3500), fc.nat(255))
  const changes = fc.tuple(fc.nat(files.length - 1), fc.array(change, { minLength: 1, maxLength: 4 }))
  await fc.assert(
    fc.asyncProperty(changes, async ([file, places]) => {
      const bytes = Buffer.from(whole[file] as Buffer)
      for (const [at, value] of places) bytes[at % bytes.length] = value
      await writeFile(path, bytes)
      try {
        const { tensors, close } = await openTorchCheckpoint(path)
        for (const tensor of tensors.values()) tensor.bytes()
        close()
      } catch (error) {
        assert.ok(error instanceof StanflowError, String(error))
        assert.match(error.code, /^MODEL_(WEIGHTS|UNSAFE)$/)
      }
    }),
    { numRuns: 400 },
  )
})
