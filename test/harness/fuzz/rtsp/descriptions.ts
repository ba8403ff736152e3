import { mutate, mutateText } from '../mutate.js'
import type { HostileKind } from './hostile-camera.js'
import { parameterSet } from './parameter-sets.js'
import { answerBytes } from './reader.js'

/** The description is another; all else goes through. */
function described(change: (sdp: string) => string | Buffer): ReturnType<HostileKind> {
  return {
    answer: (answer, out) => {
      if (answer.body.length === 0) return out.write(answer.bytes)
      const body = Buffer.from(change(answer.body.toString('latin1')) as string, 'latin1')
      out.write(answerBytes({ ...answer, body }))
    },
  }
}

const withLine = (sdp: string, line: string): string => `${sdp.trimEnd()}\r\n${line}\r\n`

/** With other parameter sets than the stream has. */
const withSets = (sdp: string, sets: string): string =>
  /sprop-parameter-sets=/.test(sdp)
    ? sdp.replace(/sprop-parameter-sets=[^;\r\n]*/, () => `sprop-parameter-sets=${sets}`)
    : withLine(sdp, `a=fmtp:96 packetization-mode=1;sprop-parameter-sets=${sets}`)

const SIZES = [
  ...([
    [65_536, 65_536],
    [16_384, 16_384],
    [6000, 6000],
    [1_048_560, 16],
    [16, 1_048_560],
    [16, 16],
  ] as const),
]

const TYPES = [
  ...[
    'H264/0',
    'H264/4294967295',
    'H264/-1',
    'H264/1',
    'H265/90000',
    'JPEG/90000',
    'MP4V-ES/90000',
    'MP2T/90000',
  ],
  ...[
    'VP8/90000',
    'VP9/90000',
    'H261/90000',
    'H263-2000/90000',
    'theora/90000',
    'raw/90000',
    'X-QT/90000',
    'VC2/90000',
  ],
  ...[
    'AV1/90000',
    'DV/90000',
    'MPEG4-GENERIC/8000',
    'x-pn-realvideo/90000',
    'x/1',
    'H264',
    '',
    '/',
    'A'.repeat(20_000),
  ],
]

const MEDIA = [
  'video 0 RTP/AVP 96',
  'video 0 RTP/AVP 999999',
  'audio 0 RTP/AVP 0',
  'video -1 x -1',
  'application 0 x 1',
  '',
]

/** What is done to the SDP. */
export const DESCRIPTION_KINDS: Readonly<Record<string, HostileKind>> = {
  'words of the description': (random) => described((sdp) => mutateText(sdp, random)),
  'bytes of the description': (random) => described((sdp) => mutate(Buffer.from(sdp, 'latin1'), random)),
  'huge pictures promised': (random) => {
    const [width, height] = random.pick(SIZES)
    const sets = `${parameterSet(width, height).toString('base64')},aM48gA==`
    return described((sdp) => withSets(sdp, sets))
  },
  'parameter sets of noise': (random) => {
    const noise = Buffer.from(Array.from({ length: random.pick([1, 16, 300]) }, () => random.int(256)))
    noise[0] = random.pick([0x67, 0x68, noise[0] ?? 0])
    return described((sdp) => withSets(sdp, noise.toString('base64')))
  },
  'a megabyte of parameter sets': (random) => {
    const sets = random.pick(['Z0LAC5p0BQ7f/wABAAEQAAAD,', 'A', ',', '=', '%'])
    return described((sdp) => withSets(sdp, sets.repeat(Math.ceil(2 ** 20 / sets.length))))
  },
  'thousands of media': (random) => {
    const [count, media] = [random.pick([100, 5000, 50_000]), random.pick(MEDIA)]
    const one = `m=${media}\r\na=rtpmap:96 H264/90000\r\na=control:stream=1\r\n`
    return described((sdp) => sdp + one.repeat(count))
  },
  'media of other kinds': (random) => {
    const media = random.pick(MEDIA)
    return described((sdp) => sdp.replace(/^m=.*$/m, () => `m=${media}`))
  },
  'megabytes of attributes': (random) => {
    const line = `a=${random.pick(['x', 'fmtp:96 x', 'rtpmap:96 H264/90000', 'range:npt=0-', 'framesize:96 1-1'])}`
    return described((sdp) => sdp + `${line}=${random.int(1000)}\r\n`.repeat(200_000))
  },
  'a line of megabytes': (random) => {
    const start = random.pick(['a=fmtp:96 ', 'a=control:', 'i=', 's=', 'c=IN IP4 ', 'a=rtpmap:96 '])
    return described((sdp) => withLine(sdp, `${start}${'A'.repeat(4 * 2 ** 20)}`))
  },
  'another codec': (random) => {
    const type = random.pick(TYPES)
    return described((sdp) => sdp.replace(/a=rtpmap:96 .*/, () => `a=rtpmap:96 ${type}`))
  },
  'control elsewhere': (random) => {
    const to = random.pick([
      ...['file:///etc/passwd', 'rtsp://127.0.0.1:1/x', 'http://127.0.0.1:1/', '*', '', '../'.repeat(2000)],
      'x'.repeat(60_000),
    ])
    return described((sdp) => sdp.replaceAll(/a=control:.*/g, () => `a=control:${to}`))
  },
  'addresses elsewhere': (random) => {
    const to = random.pick(['IN IP4 224.0.0.1/999', 'IN IP6 ::1', 'IN IP4 169.254.169.254', 'IN IP4 x', ''])
    return described((sdp) => sdp.replace(/^c=.*$/m, () => `c=${to}`).replaceAll(/^m=video 0/gm, 'm=video 1'))
  },
  'no description': (random) =>
    described(() => random.pick(['\0', 'v=0\r\n', '<html></html>', '\xff'.repeat(5000)])),
}
