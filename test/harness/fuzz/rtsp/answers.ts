import type { Random } from '../mutate.js'
import { mutate } from '../mutate.js'
import type { HostileKind, Outlet } from './hostile-camera.js'
import { type Answer, answerBytes, frameBytes } from './reader.js'

/** OPTIONS, DESCRIBE, SETUP, PLAY. */
const ASKED = 4
/** Bytes at once, and milliseconds between, of what has no end: some megabytes a second. */
const [FLOOD_BYTES, FLOOD_MS] = [128 * 1024, 25]

const STATUSES = [
  ...[
    'RTSP/1.0 200',
    'RTSP/1.0 -1 OK',
    'RTSP/1.0 4294967296 OK',
    'RTSP/1.0 99999999999999999999 x',
    'RTSP/1.0 0 ',
  ],
  ...['HTTP/1.1 200 OK', 'RTSP/9.9 200 OK', 'ICY 200 OK', '', '200', 'RTSP/1.0', '\0\0\0\0', '%s%n%x%x'],
  ...['RTSP/1.0 100 Continue', 'RTSP/1.0 404 Not Found', 'RTSP/1.0 453 Not Enough Bandwidth'],
  ...[
    'RTSP/1.0 454 Session Not Found',
    'RTSP/1.0 461 Unsupported Transport',
    'RTSP/1.0 503 Service Unavailable',
  ],
  `RTSP/1.0 200 ${'O'.repeat(100_000)}`,
  `${'R'.repeat(70_000)} 200 OK`,
]
/** By name, and beside them what fits nothing. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  cseq: ['-1', '0', '4294967295', '1e9', 'x', '', '9'.repeat(5000)],
  session: [
    '',
    ';timeout=0',
    'a;timeout=-1',
    'a;timeout=99999999999',
    'a;timeout=1',
    'S'.repeat(60_000),
    '%s%n',
  ],
  transport: [
    ...[
      'RTP/AVP/TCP;unicast;interleaved=255-256',
      'RTP/AVP/TCP;interleaved=-1--1',
      'RTP/AVP;unicast;client_port=0-0',
    ],
    ...[
      'RTP/AVP/TCP;unicast;interleaved=99999-0',
      'RTP/AVP;multicast;destination=224.0.0.1;port=1-2',
      'RAW/RAW/UDP',
    ],
    ...[
      'x-pn-tng/tcp',
      'RTP/AVP/TCP;source=169.254.169.254;interleaved=0-1',
      `RTP/AVP/TCP;${'x=y;'.repeat(20_000)}`,
    ],
    `${'RTP/AVP/TCP;unicast;interleaved=0-1,'.repeat(2000)}`,
  ],
  'content-base': [
    'file:///etc/passwd',
    'rtsp://127.0.0.1:1/',
    '',
    'a'.repeat(60_000),
    'http://127.0.0.1:1/',
  ],
  'content-type': ['text/html', '', 'application/sdp;'.repeat(2000)],
  'rtp-info': ['url=x;seq=-1;rtptime=4294967296', 'url=;seq=;rtptime=', 'url=a,'.repeat(10_000)],
  public: ['', 'X'.repeat(60_000), 'OPTIONS, '.repeat(5000)],
  range: ['npt=-1-', 'npt=1e300-', 'clock=99999999T999999Z-', `npt=${'9'.repeat(3000)}-`],
}
const ANY = ['', '0', '-1', 'A'.repeat(65_536), '\0', '%n%n%n%n', '\xff\xfe', '1 2 3', '\t', 'a\r\n b']
const LENGTHS = [
  '-1',
  '0',
  '1',
  '2147483647',
  '-2147483648',
  '4294967295',
  '1099511627776',
  '9'.repeat(400),
  'x',
  '',
]
const CHALLENGES = [
  ...[
    '',
    'Digest',
    'Basic',
    'Digest realm="',
    'Digest realm="a", nonce=',
    'Digest nonce="x", algorithm=MD5-sess',
  ],
  ...[
    'Digest realm="a", nonce="b", qop="auth-int,,,"',
    'Digest realm="a", nonce="b", algorithm=NONE',
    'Negotiate x',
  ],
  `Digest realm="${'r'.repeat(100_000)}", nonce="${'n'.repeat(100_000)}"`,
  `Digest ${'realm="a",'.repeat(10_000)}`,
]

const endless = (bytes = 'A'): (() => Buffer) => {
  const piece = Buffer.from(bytes.repeat(Math.ceil(FLOOD_BYTES / bytes.length)), 'latin1')
  return () => piece
}

/** One of the answers is met; others go through. */
function at(index: number, act: (answer: Answer, out: Outlet) => void): ReturnType<HostileKind> {
  return { answer: (answer, out) => (answer.index === index ? act(answer, out) : out.write(answer.bytes)) }
}

const anyOf = (random: Random): number => random.int(ASKED)

/** What is done to status lines and headers, and to how they come. */
export const ANSWER_KINDS: Readonly<Record<string, HostileKind>> = {
  'status line': (random) => {
    const status = random.pick(STATUSES)
    return at(anyOf(random), (answer, out) => out.write(answerBytes({ ...answer, status })))
  },
  'header value': (random) => {
    const [index, which, other] = [anyOf(random), random.int(64), random.pick(ANY)]
    return at(index, (answer, out) => {
      const chosen = which % Math.max(1, answer.headers.length)
      const headers = answer.headers.map(([name, value], n) => {
        const hostile = VALUES[name.toLowerCase()] ?? ANY
        return n === chosen
          ? ([name, hostile[which % hostile.length] ?? other] as const)
          : ([name, value] as const)
      })
      out.write(answerBytes({ ...answer, headers }))
    })
  },
  'header of another answer': (random) => {
    const name = random.pick(Object.keys(VALUES))
    const value = random.pick(VALUES[name] ?? ANY)
    return at(anyOf(random), (answer, out) =>
      out.write(answerBytes({ ...answer, headers: [...answer.headers, [name, value]] })),
    )
  },
  'headers left out': (random) => {
    const which = random.int(64)
    return {
      answer: (answer, out) =>
        out.write(
          answerBytes({
            ...answer,
            headers: answer.headers.filter((_, n) => (which & (1 << (n % 6))) === 0),
          }),
        ),
    }
  },
  'ten thousand headers': (random) => {
    const index = anyOf(random)
    return at(index, (answer, out) => {
      const more = Array.from({ length: 10_000 }, (_, n) => [`X-${n}`, 'v'.repeat(n % 100)] as const)
      out.write(answerBytes({ ...answer, headers: [...answer.headers, ...more] }))
    })
  },
  'content length': (random) => {
    const length = random.pick(LENGTHS)
    return at(1, (answer, out) => out.write(answerBytes(answer, length)))
  },
  'content length missing': () =>
    at(1, (answer, out) =>
      out.write(Buffer.concat([answerBytes({ ...answer, body: Buffer.alloc(0) }), answer.body])),
    ),
  'bytes of answers': (random) => ({
    answer: (answer, out) => out.write(random.int(2) === 0 ? mutate(answer.bytes, random) : answer.bytes),
  }),
  challenge: (random) => {
    const challenge = random.pick(CHALLENGES)
    return {
      answer: ({ headers }, out) =>
        out.write(
          answerBytes({
            status: 'RTSP/1.0 401 Unauthorized',
            headers: [...headers.filter(([name]) => /^cseq$/i.test(name)), ['WWW-Authenticate', challenge]],
            body: Buffer.alloc(0),
          }),
        ),
    }
  },
  'challenge without end': (random) =>
    at(random.int(2), ({ headers }, out) => {
      const cseq = headers.find(([name]) => /^cseq$/i.test(name))?.[1]
      out.write(`RTSP/1.0 401 Unauthorized\r\nCSeq: ${cseq}\r\nWWW-Authenticate: Digest realm="`)
      out.flood(endless(), FLOOD_MS)
    }),
  'headers without end': (random) =>
    at(anyOf(random), ({ status }, out) => {
      out.write(`${status}\r\n`)
      out.flood(endless(`X-Header: ${'v'.repeat(40)}\r\n`), FLOOD_MS)
    }),
  'body without end': () =>
    at(1, (answer, out) => {
      out.write(answerBytes(answer, '2147483647'))
      out.flood(endless('a=x-more:1\r\n'), FLOOD_MS)
    }),
  'status lines without end': (random) =>
    at(anyOf(random), (_, out) => out.flood(endless('RTSP/1.0 100 Continue\r\n\r\n'), FLOOD_MS)),
  'frames instead of an answer': (random) => {
    const frame = frameBytes(random.int(256), Buffer.alloc(1000, random.int(256)))
    return at(anyOf(random), (_, out) => out.flood(endless(frame.toString('latin1')), FLOOD_MS))
  },
  'redirected to itself': (random, port) =>
    at(random.int(2), (answer, out) => {
      const headers = [...answer.headers, ['Location', `rtsp://127.0.0.1:${port}/cam`] as const]
      out.write(answerBytes({ status: 'RTSP/1.0 302 Found', headers, body: Buffer.alloc(0) }))
    }),
  'redirected elsewhere': (random) => {
    const to = random.pick([
      ...[
        'file:///etc/passwd',
        'http://127.0.0.1:1/',
        'rtsp://127.0.0.1:1/',
        '',
        'rtsp://',
        'concat:/etc/passwd',
      ],
      `rtsp://${'h'.repeat(60_000)}/`,
    ])
    return at(1, ({ headers }, out) =>
      out.write(
        answerBytes({
          status: 'RTSP/1.0 301 Moved Permanently',
          headers: [...headers, ['Location', to]],
          body: Buffer.alloc(0),
        }),
      ),
    )
  },
  'an answer that does not come': (random) => at(anyOf(random), (_, out) => out.mute()),
  'an answer that stops': (random) => {
    const share = random.int(100)
    return at(anyOf(random), ({ bytes }, out) => {
      out.write(bytes.subarray(0, Math.floor((bytes.length * share) / 100)))
      out.mute()
    })
  },
  'reset amid an answer': (random) => {
    const share = random.int(100)
    return at(anyOf(random), ({ bytes }, out) => {
      out.write(bytes.subarray(0, Math.floor((bytes.length * share) / 100)))
      out.reset()
    })
  },
  'byte by byte': (random) => {
    const everyMs = random.pick([2, 50, 1000])
    return at(anyOf(random), ({ bytes }, out) => out.drip(bytes, everyMs))
  },
  'answers twice': () => ({ answer: ({ bytes }, out) => out.write(Buffer.concat([bytes, bytes])) }),
}
