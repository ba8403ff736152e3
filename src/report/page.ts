import { createHash } from 'node:crypto'
import { html, type Markup, trusted } from './html.js'

const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

export interface PageOptions {
  readonly title: string
  readonly styles: string
  /** Without it nothing runs. */
  readonly script?: string
}

/** Nothing from elsewhere: our own style sheet and script by their hashes, and pictures in data URIs. */
function policy({ styles, script }: PageOptions): string {
  return [
    "default-src 'none'",
    `style-src ${hash(styles)}`,
    `script-src ${script === undefined ? "'none'" : hash(script)}`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
}

/** Up to the beginning of the body. */
export function openPage(options: PageOptions): Markup {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy(options)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${options.title} – stanflow report</title>
<style>${trusted(options.styles)}</style>
</head>
<body>
`
}

/** From the end of the body. */
export function closePage({ script }: Pick<PageOptions, 'script'>): Markup {
  return html`${script === undefined ? undefined : html`<script>${trusted(script)}</script>\n`}</body>
</html>
`
}
