/** Reads bytes of a URL. */
export interface UrlFile {
  readonly bytes: number
  readAt(start: number, length: number): Promise<Buffer>
}

/** @throws Error where the server does not answer with its size */
export async function openUrl(url: string, signal?: AbortSignal): Promise<UrlFile> {
  const head = await fetch(url, { method: 'HEAD', ...(signal && { signal }) })
  const bytes = Number(head.headers.get('content-length') ?? Number.NaN)
  if (!head.ok || Number.isNaN(bytes)) throw new Error(`status ${head.status}`)
  return {
    bytes,
    async readAt(start, length) {
      const pieces: Buffer[] = []
      const end = Math.min(start + length, bytes)
      // An answer may be shorter than what was asked for.
      for (let at = start; at < end; ) {
        const headers = { range: `bytes=${at}-${end - 1}` }
        const answer = await fetch(url, { headers, ...(signal && { signal }) })
        const piece = Buffer.from(await answer.arrayBuffer())
        if (!answer.ok || piece.length === 0) throw new Error(`status ${answer.status}`)
        pieces.push(piece)
        at += piece.length
      }
      return Buffer.concat(pieces)
    },
  }
}
