import { Refused } from './api.js'
import { type Child, h } from './dom.js'

/** What stands where there is nothing yet, nothing at all, or a failure. */

export const loading = (what: string): HTMLElement =>
  h(
    'div',
    { class: 'state', role: 'status' },
    h('span', { class: 'spinner', 'aria-hidden': 'true' }),
    h('p', {}, what),
  )

export const empty = (title: string, ...more: readonly Child[]): HTMLElement =>
  h('div', { class: 'state' }, h('h2', {}, title), ...more)

export function failed(error: unknown, again?: () => void): HTMLElement {
  const { message, code, hint } =
    error instanceof Refused
      ? error
      : { message: 'The page could not do this.', code: String(error), hint: '' }
  return h(
    'div',
    { class: 'state bad', role: 'alert' },
    h('h2', {}, message),
    hint !== '' && h('p', {}, hint),
    h('p', { class: 'soft' }, h('code', {}, code)),
    again !== undefined && h('button', { type: 'button', on: { click: again } }, 'Try again'),
  )
}

export const command = (text: string): HTMLElement => h('p', {}, h('code', { class: 'command' }, text))
