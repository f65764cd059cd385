// Rows that follow what happens, and keys. Every page works without it.
const $ = (selector, within = document) => within.querySelector(selector)
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)]
const table = $('#calls')
const liveButton = $('#live')
const watched = $('main')?.dataset.watch

// ---- selection and keys
const rows = () => (table === null ? [] : $$('tbody tr', table))
const boxes = () => (table === null ? [] : $$('tbody input[type=checkbox]', table))
const countPicked = () => {
  const picked = boxes().filter((box) => box.checked).length
  const label = $('#picked')
  if (label !== null) label.textContent = picked === 0 ? '' : ` (${picked})`
  const all = $('#all')
  if (all !== null) {
    all.checked = picked > 0 && picked === boxes().length
    all.indeterminate = picked > 0 && picked < boxes().length
  }
}
const all = $('#all')
if (all !== null) {
  all.hidden = false
  all.addEventListener('change', () => {
    for (const box of boxes()) box.checked = all.checked
    countPicked()
  })
}
table?.addEventListener('change', countPicked)
$('#bulk')?.addEventListener('submit', (event) => {
  const everything = $('#bulk input[name=all]')?.checked
  if (!everything && !boxes().some((box) => box.checked)) event.preventDefault()
})

let lastBox = null
table?.addEventListener('click', (event) => {
  const box = event.target
  if (!(box instanceof HTMLInputElement) || box.type !== 'checkbox' || box === all) return
  if (event.shiftKey && lastBox !== null) {
    const list = boxes()
    const [from, to] = [list.indexOf(lastBox), list.indexOf(box)].sort((a, b) => a - b)
    for (const one of list.slice(from, to + 1)) one.checked = box.checked
    countPicked()
  }
  lastBox = box
})

const current = () => $('tr.now', table ?? document)
const go = (by) => {
  const list = rows()
  if (list.length === 0) return
  const at = list.indexOf(current())
  current()?.classList.remove('now')
  const next = list[Math.min(list.length - 1, Math.max(0, at + by))]
  next?.classList.add('now')
  next?.scrollIntoView({ block: 'nearest' })
  $('a.main', next)?.focus({ preventScroll: true })
}
const toggleHelp = () => {
  const keys = $('#keys')
  if (keys?.open) keys.close()
  else keys?.showModal()
}
const help = $('#help')
if (help !== null) {
  help.hidden = false
  help.addEventListener('click', toggleHelp)
}
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return
  const inField =
    event.target instanceof Element && event.target.matches('input:not([type=checkbox]), textarea, select')
  if (inField) {
    if (event.key === 'Escape') event.target.blur()
    return
  }
  const act = {
    j: () => go(1),
    k: () => go(-1),
    x: () => $('input[type=checkbox]', current() ?? document.createElement('tr'))?.click(),
    r: () => ($('#bulk') ?? $('.head .actions form'))?.requestSubmit(),
    '/': () => $('#search')?.focus(),
    p: () => liveButton?.click(),
    '?': toggleHelp,
  }[event.key]
  if (act === undefined) return
  event.preventDefault()
  act()
})

// ---- what is shown once can be copied; a plain http page has no clipboard of its own
for (const button of $$('[data-copy]')) {
  const text = document.getElementById(button.dataset.copy)
  if (text === null) continue
  button.hidden = false
  button.addEventListener('click', async () => {
    getSelection()?.selectAllChildren(text)
    try {
      await navigator.clipboard.writeText(text.textContent)
    } catch {
      document.execCommand('copy')
    }
    button.textContent = button.dataset.done
  })
}

// ---- live rows
let paused = false
let source = null
const missed = new Set()
const fresh = new Set()
let pointerRow = null
table?.addEventListener('pointerover', (event) => {
  pointerRow = event.target.closest('tr')
})
table?.addEventListener('pointerleave', () => {
  pointerRow = null
  flush()
})

const show = (state) => {
  if (liveButton === null) return
  liveButton.dataset.state = state
  liveButton.title = state === 'paused' ? liveButton.dataset.resume : liveButton.dataset.pause
  $('[role=status]', liveButton).textContent = liveButton.dataset[state]
}

const swapRow = (row) => {
  const old = document.getElementById(row.id)
  if (old === null) return
  const box = $('input[type=checkbox]', old)
  const focus = old.contains(document.activeElement)
    ? document.activeElement.matches('input')
      ? 'input'
      : 'a.main'
    : null
  if (box?.checked) $('input[type=checkbox]', row).checked = true
  if (old.classList.contains('now')) row.classList.add('now')
  if (old.innerHTML !== row.innerHTML) row.classList.add('changed')
  old.replaceWith(row)
  if (focus !== null) $(focus, row)?.focus({ preventScroll: true })
}

// Rows change where they stand and never move; new calls wait above the list until they are asked for.
const refreshRows = async (ids) => {
  const answer = await fetch(`/calls/rows?ids=${ids.join(',')}`)
  if (answer.status === 401) return location.reload()
  if (!answer.ok) return
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
  for (const row of $$('tr[id]', page)) swapRow(row)
  countPicked()
}

// A page that somebody is about to press or write on is not swapped from under them.
const busyWith = (main) =>
  $('details[open]', main) !== null ||
  $('#audio')?.paused === false ||
  $$(':focus', main).some((one) => one.matches('input, textarea, select'))

const refreshPage = async () => {
  const main = $('main')
  if (main === null) return
  if (busyWith(main)) {
    setTimeout(() => {
      missed.add(watched)
      flush()
    }, 1_000)
    return
  }
  const answer = await fetch(location.href)
  if (!answer.ok) return
  const next = $('main', new DOMParser().parseFromString(await answer.text(), 'text/html'))
  const wave = $('#player')
  // Parts that are moved over are no longer children of `next`.
  const parts = [...next.children]
  for (const [index, part] of parts.entries()) {
    const old = main.children[index]
    if (old === undefined) main.append(part)
    else if (
      wave !== null &&
      old.contains(wave) &&
      part.querySelectorAll('#lines li').length === old.querySelectorAll('#lines li').length
    )
      continue
    else if (old.outerHTML !== part.outerHTML) old.replaceWith(part)
  }
  while (main.children.length > parts.length) main.lastElementChild.remove()
  main.dataset.stamp = next.dataset.stamp
  document.dispatchEvent(new Event('page-changed'))
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

const catchUp = async () => {
  await pause(40)
  // What is being pressed is not swapped away from under the finger.
  if (pointerRow?.matches(':active')) return
  const ids = [...missed]
  missed.clear()
  try {
    if (watched !== undefined && ids.includes(watched)) await refreshPage()
    const onPage = ids.filter((id) => document.getElementById(`call-${id}`) !== null)
    if (onPage.length > 0) await refreshRows(onPage.slice(0, 100))
  } catch {
    for (const id of ids) missed.add(id)
    await pause(2_000)
  }
}

// One after the other: of two answers on their way, the older one could come last.
let flushing = false
const flush = async () => {
  if (flushing) return
  flushing = true
  while (!paused && missed.size > 0) await catchUp()
  flushing = false
}

const newest = () =>
  rows().reduce((most, row) => (BigInt(row.dataset.call) > most ? BigInt(row.dataset.call) : most), 0n)
const tellFresh = () => {
  const hint = $('#fresh')
  if (hint === null || fresh.size === 0) return
  $('span', hint).textContent = String(fresh.size)
  hint.hidden = false
}

const listen = () => {
  source = new EventSource(document.body.dataset.live)
  source.addEventListener('open', () => show('on'))
  source.addEventListener('error', () => show('away'))
  source.addEventListener('calls', (event) => {
    const top = newest()
    for (const id of JSON.parse(event.data).ids) {
      missed.add(id)
      if (table !== null && top > 0n && BigInt(id) > top) fresh.add(id)
    }
    tellFresh()
    flush()
  })
  source.addEventListener('bulk', (event) => {
    const { id, done, total } = JSON.parse(event.data)
    const card = document.getElementById(`bulk-${id}`)
    if (card === null) return
    $('.done', card).textContent = String(done)
    $('progress', card).value = total === 0 ? 100 : (done / total) * 100
    if (done >= total) refreshPage()
  })
  source.addEventListener('reload', () => {
    for (const row of rows()) missed.add(row.dataset.call)
    if (watched !== undefined) missed.add(watched)
    flush()
  })
}

if (document.body.dataset.live !== undefined && liveButton !== null) {
  liveButton.hidden = false
  show('away')
  listen()
  liveButton.addEventListener('click', () => {
    paused = !paused
    show(paused ? 'paused' : source?.readyState === EventSource.OPEN ? 'on' : 'away')
    flush()
  })
  addEventListener('pagehide', () => source?.close())
  addEventListener('pageshow', (event) => {
    if (event.persisted) location.reload()
  })
}
