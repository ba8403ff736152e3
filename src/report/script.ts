/**
 * Filter, order, and arrow keys along a timeline. The page is whole without it: its controls are hidden until it
 * runs. It reads text only and writes no markup.
 */
export const SCRIPT = `
const find = document.getElementById('find')
const order = document.getElementById('order')
const shown = document.getElementById('shown')
const lists = [...document.querySelectorAll('[data-list]')]
const videos = lists.flatMap((list) => [...list.children].map((node, index) => ({
  node, list, index,
  name: node.querySelector('.name').textContent,
  text: [...node.querySelectorAll('[data-find]')].map((part) => part.textContent).join('\\n').toLowerCase(),
})))
const by = {
  made: (a, b) => a.index - b.index,
  name: (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }),
  score: (a, b) => b.node.dataset.score - a.node.dataset.score,
  seconds: (a, b) => b.node.dataset.seconds - a.node.dataset.seconds,
  clips: (a, b) => b.node.dataset.clips - a.node.dataset.clips,
}
const filter = () => {
  const words = find.value.toLowerCase().split(/\\s+/)
  let count = 0
  for (const { node, text } of videos) {
    node.hidden = !words.every((word) => text.includes(word))
    if (!node.hidden) count++
  }
  shown.textContent = find.value.trim() === '' ? '' : count + ' of ' + videos.length
}
find.addEventListener('input', filter)
find.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return
  find.value = ''
  filter()
})
order.addEventListener('change', () => {
  for (const { list, node } of videos.toSorted(by[order.value])) list.append(node)
})
document.addEventListener('keydown', (event) => {
  const clip = event.target.closest?.('.clip')
  if (!clip) return
  const clips = [...clip.parentNode.querySelectorAll('.clip')]
  const at = clips.indexOf(clip)
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: clips.length - 1 }[event.key]
  if (!clips[to]) return
  event.preventDefault()
  clip.setAttribute('tabindex', '-1')
  clips[to].setAttribute('tabindex', '0')
  clips[to].focus()
})
document.querySelector('.controls').hidden = false
// A browser may keep what was typed over a reload.
filter()
`
