/** Numbers that look random and are the same for the same seed, on every machine. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1
  }

  /** 0 to `below`, without it. */
  int(below: number): number {
    // xorshift32: whole numbers only, so that no platform rounds otherwise.
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x >>> 0
    return this.#state % Math.max(1, below)
  }

  pick<T>(values: readonly T[]): T {
    return values[this.int(values.length)] as T
  }
}

/** Whole numbers at which programs count wrong. */
const EDGES = [0, 1, 2, 0x7f, 0xff, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff]
/** Bytes at both ends of a file where containers keep their headers. */
const HEADER = 2048

/** Changes bytes in place, or gives another file. `other`: a good file to splice with. */
type Mutation = (bytes: Buffer, random: Random, other: Buffer) => Buffer

const MUTATIONS: readonly Mutation[] = [
  function flipBits(bytes, random) {
    for (let n = 1 + random.int(16); n > 0; n--) {
      const at = place(bytes, random)
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.int(8))
    }
    return bytes
  },
  function editField(bytes, random) {
    for (let n = 1 + random.int(4); n > 0; n--) {
      const at = place(bytes, random)
      if (at + 4 > bytes.length) continue
      const value = random.pick(EDGES)
      if (random.int(2) === 0) bytes.writeUInt32BE(value, at)
      else bytes.writeUInt32LE(value, at)
    }
    return bytes
  },
  function editShort(bytes, random) {
    const at = place(bytes, random)
    if (at + 2 <= bytes.length) bytes.writeUInt16BE(random.pick(EDGES) & 0xffff, at)
    return bytes
  },
  function truncate(bytes, random) {
    return bytes.subarray(0, random.int(bytes.length))
  },
  function cutOut(bytes, random) {
    const [from, to] = stretch(bytes, random)
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)])
  },
  function repeat(bytes, random) {
    const [from, to] = stretch(bytes, random)
    const times = 1 + random.int(8)
    return Buffer.concat([
      bytes.subarray(0, to),
      ...Array(times).fill(bytes.subarray(from, to)),
      bytes.subarray(to),
    ])
  },
  function splice(bytes, random, other) {
    const [from, to] = stretch(other, random)
    const at = place(bytes, random)
    return Buffer.concat([bytes.subarray(0, at), other.subarray(from, to), bytes.subarray(at)])
  },
  function overwrite(bytes, random, other) {
    const [from, to] = stretch(other, random)
    other.copy(bytes, place(bytes, random), from, to)
    return bytes
  },
  function blank(bytes, random) {
    const [from, to] = stretch(bytes, random)
    return bytes.fill(random.pick([0, 0xff]), from, to)
  },
]

/** A position, every other time among the headers. */
function place(bytes: Buffer, random: Random): number {
  const near = random.int(Math.min(HEADER, bytes.length))
  return random.pick([random.int(bytes.length), near, near, Math.max(0, bytes.length - 1 - near)])
}

function stretch(bytes: Buffer, random: Random): readonly [number, number] {
  const from = place(bytes, random)
  return [from, Math.min(bytes.length, from + 1 + random.int(random.pick([16, 256, 8192])))]
}

/** A file that differs from a good one by one to three mutations; the good one stays as it is. */
export function mutate(good: Buffer, random: Random, other: Buffer = good): Buffer {
  let bytes: Buffer = Buffer.from(good)
  for (let n = 1 + random.int(3); n > 0 && bytes.length > 0; n--)
    bytes = random.pick(MUTATIONS)(bytes, random, other)
  return bytes
}

/** Values that no reader of JSON or YAML expects where it finds them. */
const VALUES = [
  ...[
    'null',
    'true',
    '-1',
    '0',
    '1e999',
    '-0',
    '9007199254740993',
    '0.1',
    '1e-320',
    '""',
    '[]',
    '{}',
    '[[[[]]]]',
    '"\\u0000"',
  ],
  ...[
    'NaN',
    '"__proto__"',
    '{"__proto__":{"x":1}}',
    '"../../../../etc/passwd"',
    '"file:///etc/passwd"',
    '"http://127.0.0.1:1/"',
  ],
  `"${'A'.repeat(5000)}"`,
  '"\\ud800"',
  `[${'1,'.repeat(2000)}1]`,
  '&a [*a]',
  '!!js/function "x"',
  '{<<: *a}',
  `[${'['.repeat(3000)}`,
  '{"a":'.repeat(3000),
  '- '.repeat(3000),
]

/** A text with values, keys, lines and bytes changed. */
export function mutateText(good: string, random: Random): Buffer {
  if (random.int(4) === 0) return mutate(Buffer.from(good), random)
  let text = good
  for (let n = 1 + random.int(3); n > 0; n--) {
    const tokens = [
      ...text.matchAll(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?|\b(?:true|false|null)\b|[\w./-]{2,}/g),
    ]
    const token = tokens[random.int(tokens.length)]
    if (token === undefined) break
    const [found] = token
    const to = random.pick([
      random.pick(VALUES),
      random.pick(VALUES),
      '',
      `${found}${found}`,
      random.pick(tokens)[0],
    ])
    text = text.slice(0, token.index) + to + text.slice(token.index + found.length)
  }
  return Buffer.from(text)
}
