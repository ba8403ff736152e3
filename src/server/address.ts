import { isIP } from 'node:net'
import { hostname } from 'node:os'

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/

/** Whether only this machine reaches a host. */
export const isLoopback = (host: string): boolean => LOOPBACK.test(host)

/** `example.org:80` and `[::1]:80` without port and brackets, in lower case. */
export function hostOf(header: string): string {
  const [, bracketed, plain] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d{1,5})?$/.exec(header.trim()) ?? []
  return (bracketed ?? plain ?? '').toLowerCase()
}

/**
 * Whether a request's Host names this server. A page elsewhere can make its own name point here (DNS rebinding), and is
 * then known by that name: so only numbers, which nobody can point, and names of our own are served.
 */
export function isOurs(header: string | undefined, names: ReadonlySet<string>): boolean {
  const host = hostOf(header ?? '')
  return isIP(host) !== 0 || names.has(host)
}

export function ourNames(allowed: readonly string[]): ReadonlySet<string> {
  return new Set(['localhost', hostname().toLowerCase(), ...allowed.map((one) => one.toLowerCase())])
}

/** Whether a request comes from a page of this server's own, or from no page at all. */
export function isSameOrigin(headers: {
  readonly host?: string | undefined
  readonly origin?: string | undefined
  readonly 'sec-fetch-site'?: string | string[] | undefined
}): boolean {
  const { host = '', origin } = headers
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false
  if (origin === undefined) return true
  // A proxy may speak TLS for us: what counts is who, not how.
  return (
    /^https?:\/\//.test(origin) && origin.replace(/^https?:\/\//, '').toLowerCase() === host.toLowerCase()
  )
}
