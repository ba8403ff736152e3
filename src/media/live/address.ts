import { basename, extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { StanflowError } from '../../errors.js'

export type InputKind = 'rtsp' | 'rtmp' | 'hls' | 'http' | 'device' | 'file'

/** What is played, and who asks for it. */
export interface LiveAddress {
  readonly kind: InputKind
  /** URL without credentials, or a path: fit to be shown. */
  readonly shown: string
  readonly username?: string
  readonly password?: string
  /** The URL as it is opened, where its query holds secrets that `shown` has not. */
  readonly target?: string
  readonly secrets?: readonly string[]
}

/** Names that parameters with secrets have in the URLs of cameras. */
const SECRET = /user|login|pass|pwd|token|key|auth|sig|secret|credential/i

const SCHEMES: Readonly<Record<string, InputKind>> = {
  'rtsp:': 'rtsp',
  'rtsps:': 'rtsp',
  'rtmp:': 'rtmp',
  'rtmps:': 'rtmp',
  'http:': 'http',
  'https:': 'http',
}

/**
 * Reads an address as people write it: a URL, perhaps with credentials, a device such as `/dev/video0`, or a file.
 * @throws StanflowError USAGE_INVALID
 */
export function parseAddress(text: string): LiveAddress {
  const scheme = /^[a-z][a-z0-9+.-]+:/i.exec(text)?.[0].toLowerCase()
  if (scheme === undefined || !text.includes('://')) {
    return { kind: text.startsWith('/dev/') ? 'device' : 'file', shown: text }
  }
  if (scheme === 'file:') return { kind: 'file', shown: fileURLToPath(text) }
  const kind = SCHEMES[scheme]
  if (kind === undefined) {
    throw new StanflowError('USAGE_INVALID', `${scheme}// is no camera's address.`, {
      hint: 'Give rtsp://, rtmp://, http:// or https:// (HLS too), a device such as /dev/video0, or a file.',
    })
  }
  const [, credentials, rest = ''] = /^[a-z0-9+.-]+:\/\/(?:([^/?#]*)@)?(.*)$/is.exec(text) ?? []
  if (rest === '' || /[\s'\n\r]/.test(rest)) {
    throw new StanflowError('USAGE_INVALID', `${scheme}//${rest} is no address that can be opened.`)
  }
  // A password that is not escaped ends the host too early, and would be shown.
  if (/^[^/?#]*:(?!\d*([/?#]|$))[^[\]]*$/.test(rest.replace(/^\[[^\]]*\]/, ''))) {
    throw new StanflowError(
      'USAGE_INVALID',
      `An address of ${scheme}// has no number after its host's colon.`,
      {
        hint: 'In a password, write @ as %40, / as %2F, ? as %3F and # as %23.',
      },
    )
  }
  const [user = '', ...words] = (credentials ?? '').split(':')
  const secrets: string[] = []
  const shown = rest.replaceAll(
    /([?&;])([^=&;#]+)=([^&;#]+)/g,
    (all, mark: string, name: string, value: string) => {
      if (!SECRET.test(name)) return all
      secrets.push(value)
      return `${mark}${name}=***`
    },
  )
  return {
    kind: kind === 'http' && /\.m3u8?($|[?#])/i.test(rest) ? 'hls' : kind,
    shown: `${scheme}//${shown}`,
    ...(secrets.length > 0 && { target: `${scheme}//${rest}`, secrets }),
    ...(user !== '' && { username: decoded(user) }),
    ...(words.length > 0 && { password: decoded(words.join(':')) }),
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** The address as libav takes it, credentials and all: for its ears only. */
export function fullUrl({ shown, target = shown, username, password }: LiveAddress): string {
  if (username === undefined) return target
  const words = password === undefined ? '' : `:${encodeURIComponent(password)}`
  return target.replace('://', () => `://${encodeURIComponent(username)}${words}@`)
}

/** A name for a camera that was given none: `10.0.0.5-cam1` for `rtsp://10.0.0.5/cam1`. */
export function nameOf({ kind, shown }: LiveAddress): string {
  const plain =
    kind === 'file' ? basename(shown, extname(shown)) : shown.replace(/^[a-z]+:\/\//i, '').split('?')[0]
  return (plain ?? '').replaceAll(/[^\w.-]+/g, '-').replaceAll(/^-+|-+$/g, '') || 'camera'
}

/** Takes credentials out of what a program says. */
export function redacted(text: string, { username, password, secrets: hidden = [] }: LiveAddress): string {
  const clean = text.replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^\s/'"@]*(?:@[^\s/'"@]*)*@/gi, '$1')
  const secrets = [password, password && encodeURIComponent(password), ...hidden].filter((secret) => secret)
  const withWords = secrets.reduce<string>((all, secret) => all.replaceAll(secret ?? '', '***'), clean)
  // A user name alone may be an ordinary word, and is no secret; with its password, as Basic has them, it is.
  const basic = Buffer.from(`${username ?? ''}:${password ?? ''}`).toString('base64')
  return username === undefined ? withWords : withWords.replaceAll(basic, '***')
}
