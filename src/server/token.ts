import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

export const COOKIE = 'stanflow'

/** Long enough that nobody guesses it. */
export const newToken = (): string => randomBytes(24).toString('base64url')

/** A token, compared in a time that tells nothing, and the cookie that stands for it. */
export class Access {
  readonly #token: Buffer
  /** A browser keeps this and never the token itself; another token makes it worthless. */
  readonly cookie: string

  constructor(token: string) {
    this.#token = digest(token)
    this.cookie = createHmac('sha256', token).update('stanflow session').digest('base64url')
  }

  isToken(given: string): boolean {
    return timingSafeEqual(digest(given), this.#token)
  }

  /** Whether a request carries the token or the cookie. */
  admits(headers: { readonly authorization?: string | undefined }, cookie: string | undefined): boolean {
    const bearer = /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1]
    if (bearer !== undefined && this.isToken(bearer.trim())) return true
    return cookie !== undefined && timingSafeEqual(digest(cookie), digest(this.cookie))
  }
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
