import { once } from 'node:events'
import { createServer, request, type Server } from 'node:http'

/** An HTTP proxy before an S3 server that answers what a test chooses with 500: an object, or a whole bucket. */
export class S3Fault {
  /** Asked for the path of each request, such as `/bucket/key`. */
  fails: (path: string) => boolean = () => false
  readonly #server: Server
  readonly #target: URL

  private constructor(target: string) {
    this.#target = new URL(target)
    this.#server = createServer((incoming, answer) => {
      const path = decodeURIComponent(incoming.url?.split('?')[0] ?? '')
      if (this.fails(path)) {
        incoming.resume()
        answer.writeHead(500, { 'content-type': 'application/xml' })
        answer.end('<Error><Code>InternalError</Code><Message>On purpose.</Message></Error>')
        return
      }
      const { hostname: host, port } = this.#target
      const { method, url, headers } = incoming
      const passed = request({ host, port, method, path: url, headers }, (came) => {
        answer.writeHead(came.statusCode ?? 502, came.headers)
        came.pipe(answer)
      })
      passed.on('error', () => answer.destroy())
      answer.on('close', () => passed.destroy())
      incoming.pipe(passed)
    })
  }

  static async start(target: string): Promise<S3Fault> {
    const proxy = new S3Fault(target)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get endpoint(): string {
    const address = this.#server.address()
    return `http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
