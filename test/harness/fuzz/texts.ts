interface Texts {
  readonly extension: string
  readonly goods: readonly string[]
  readonly bombs: Readonly<Record<string, string>>
}

/** Nine aliases of nine aliases, and so on: 9 to the ninth values, if they were all made. */
const LAUGHS = `a: &a ["lol","lol","lol","lol","lol","lol","lol","lol","lol"]\n${[
  'b',
  'c',
  'd',
  'e',
  'f',
  'g',
  'h',
  'i',
]
  .map((name, n) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[n]}`).join(',')}]`)
  .join('\n')}\n`
const DEEP = `labels: ${'['.repeat(20_000)}`
const DEEP_MAPS = `labels: ${'{a: '.repeat(20_000)}`
const LONG = `labels: "${'x'.repeat(5_000_000)}"`
const KEYS = Array.from({ length: 50_000 }, (_, n) => `key${n}: ${n}`).join('\n')
const MERGES = `a: &a {b: 1}\n${Array.from({ length: 5000 }, () => '<<: *a').join('\n')}`
const YAML_BOMBS = {
  laughs: LAUGHS,
  deep: DEEP,
  'deep-maps': DEEP_MAPS,
  long: LONG,
  keys: KEYS,
  merges: MERGES,
}

/** Configuration files as people write them, and worse ones. */
export const TEXTS: Readonly<Record<string, Texts>> = {
  stanflow: {
    extension: '.yaml',
    goods: [
      'batch: 16\nconcurrency: 2\nlabels: [a person falls, an empty room]\nsample: window\nwindow: 4s\nstride: 500ms\nto: out\nmax-pixels: 9000000\nmax-bytes: 2GB\n',
      'brokers: k1:9092,k2:9092\nprefix: x.\ntls: true\nsasl: scram-sha-256\nsasl-username: alice\npartitions: 3\nstrict: true\n',
    ],
    bombs: YAML_BOMBS,
  },
  cameras: {
    extension: '.yaml',
    goods: [
      [
        'labels: [a person falls, an empty room]\nwindow: 4s\nstride: 1s\ncameras:',
        '  - id: door\n    url: rtsp://10.0.0.5/cam1\n    username: viewer\n    password-env: DOOR',
        '  - id: yard\n    url: rtsp://10.0.0.6/cam1\n    windows: [{ length: 2s, stride: 1s }, { length: 16s, stride: 4s }]',
        '    roi: { x: 0, y: 0.5, width: 1, height: 0.5 }\n    schedule: mon-fri 18:00-06:00\n    transport: udp\n    keyframes-only: true',
        '    rules: [{ name: fall, label: a person falls, threshold: 0.6, open-after: 2, close-after: 3 }]\n',
      ].join('\n'),
    ],
    bombs: { ...YAML_BOMBS, cameras: `cameras:\n${'  - url: rtsp://10.0.0.5/a\n'.repeat(20_000)}` },
  },
  rules: {
    extension: '.yaml',
    goods: ['- { name: fall, label: a person falls, threshold: 0.6, open-after: 2, close-after: 3 }\n'],
    bombs: YAML_BOMBS,
  },
  labels: {
    extension: '.yaml',
    goods: ['labels: [cat, dog, a car that turns]\nprompts: ["a video of {}.", "{}"]\n', '- cat\n- dog\n'],
    bombs: YAML_BOMBS,
  },
  alerts: {
    extension: '.yaml',
    goods: [
      'webhooks:\n  - { name: ops, url: https://example.org/hook, secret-env: SECRET, kinds: [rule-opened], timeout: 5s }\n',
    ],
    bombs: YAML_BOMBS,
  },
  calibration: {
    extension: '.json',
    goods: [
      JSON.stringify({
        ...{ format: 'stanflow-calibration', version: 1, model: 'ab'.repeat(32), clips: 4, frames: 12 },
        layers: { 'visual.0': { min: -1.5, max: 2.5, gain: [1, 2, 0.5] }, 'visual.1': { min: 0, max: 7 } },
      }),
    ],
    bombs: { deep: '['.repeat(100_000), long: `{"format":"${'x'.repeat(5_000_000)}"}` },
  },
}
