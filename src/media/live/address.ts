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
}

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
  const [user = '', ...words] = (credentials ?? '').split(':')
  return {
    kind: kind === 'http' && /\.m3u8?($|[?#])/i.test(rest) ? 'hls' : kind,
    shown: `${scheme}//${rest}`,
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
export function fullUrl({ shown, username, password }: LiveAddress): string {
  if (username === undefined) return shown
  const words = password === undefined ? '' : `:${encodeURIComponent(password)}`
  return shown.replace('://', () => `://${encodeURIComponent(username)}${words}@`)
}

/** A name for a camera that was given none: `10.0.0.5-cam1` for `rtsp://10.0.0.5/cam1`. */
export function nameOf({ kind, shown }: LiveAddress): string {
  const plain =
    kind === 'file' ? basename(shown, extname(shown)) : shown.replace(/^[a-z]+:\/\//i, '').split('?')[0]
  return (plain ?? '').replaceAll(/[^\w.-]+/g, '-').replaceAll(/^-+|-+$/g, '') || 'camera'
}

/** Takes credentials out of what a program says. */
export function redacted(text: string, { username, password }: LiveAddress): string {
  const clean = text.replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^\s/'"@]*(?:@[^\s/'"@]*)*@/gi, '$1')
  const secrets = [password, password && encodeURIComponent(password)].filter((secret) => secret)
  const withWords = secrets.reduce<string>((all, secret) => all.replaceAll(secret ?? '', '***'), clean)
  // A user name alone may be an ordinary word, and is no secret; with its password, as Basic has them, it is.
  const basic = Buffer.from(`${username ?? ''}:${password ?? ''}`).toString('base64')
  return username === undefined ? withWords : withWords.replaceAll(basic, '***')
}
