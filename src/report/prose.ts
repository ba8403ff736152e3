import { html, type Markup } from './html.js'

/** A sentence whose words between backticks are code. */
export function prose(text: string): Markup {
  const parts = text.split('`')
  return html`${parts.map((part, n) => (n % 2 === 1 ? html`<code>${part}</code>` : html`${part}`))}`
}
