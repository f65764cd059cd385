import type { CallLine } from '../../db/calls.ts'
import type { Status } from '../../ops/status.ts'
import { frame, stamp } from './frame.ts'
import { type Html, html } from './html.ts'
import type { Language } from './words.ts'

/** One look: alarms first, then counts, causes, gates, portals, and the last calls. */
export function statusPage(language: Language, status: Status, calls: readonly CallLine[]): string {
  const { words } = language
  const body = html`<h1>${words.title}</h1>
${status.ok ? html`<p class="good">${words.allGood}</p>` : status.alarms.map((alarm) => html`<p class="alarm">${alarm}</p>`)}
${status.observed.length > 0 && html`<p>${words.observing} ${status.observed.join(', ')}</p>`}
${counts(language, status)}
<h2>${words.waitingFor}</h2>${causes(language, status)}
${status.gates.length > 0 && html`<h2>${words.gates}</h2>${gates(language, status)}`}
<h2>${words.portals}</h2>${portals(language, status)}
<h2>${words.lastCalls}</h2>${callTable(language, calls)}`
  return frame(language, { title: words.title, sandbox: status.sandbox, body })
}

function counts({ words }: Language, status: Status): Html {
  const alive = status.workers.filter((worker) => worker.alive).length
  const facts: [string, unknown][] = [
    [words.running, status.runs.running],
    [words.done, status.runs.done],
    [words.parked, status.runs.parked],
    [words.cancelled, status.runs.cancelled],
    [words.entriesToday, status.entriesToday],
    [words.workers, alive],
    [words.record, status.record],
    [words.queue, status.queue.kind],
  ]
  const { oldest } = status
  return html`<dl class="counts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}${
    oldest !== null &&
    html`<div><dt>${words.oldest}</dt><dd><a href="/calls/${oldest.callId}">${oldest.callId}</a> (${Math.round(oldest.ageMs / 1000)} ${words.seconds})</dd></div>`
  }</dl>`
}

function causes({ words }: Language, status: Status): Html {
  if (status.causes.length === 0) return html`<p>${words.nothingWaits}</p>`
  const names = { waiting: words.waiting, blocked: words.blocked, parked: words.parked }
  return html`<div class="scroll"><table><thead><tr><th>${words.calls}</th><th>${words.state}</th><th>${words.cause}</th><th>${words.whatToDo}</th></tr></thead><tbody>${status.causes.map(
    (cause) =>
      html`<tr><td>${cause.runs}</td><td>${names[cause.state]}</td><td>${cause.sentence}<br><small>${cause.class}${cause.message !== null && cause.message !== cause.sentence && html`: ${cause.message}`}</small></td><td>${cause.mend}</td></tr>`,
  )}</tbody></table></div>`
}

function gates({ words }: Language, status: Status): Html {
  return html`<ul>${status.gates.map(
    (gate) =>
      html`<li><strong>${gate.name}</strong> (${gate.keyId.slice(0, 8)}): ${gate.message}. ${gate.hint} ${
        gate.opensInMs === null
          ? words.opensByPerson
          : `${words.opensIn} ${Math.ceil(gate.opensInMs / 1000)} ${words.seconds}`
      }</li>`,
  )}</ul>`
}

function portals({ words }: Language, status: Status): Html {
  if (status.portals.length === 0) return html`<p>${words.none}</p>`
  return html`<ul>${status.portals.map(
    (portal) =>
      html`<li>${portal.name} (${portal.id}): ${words.lastEvent} ${stamp(portal.lastEventAt) ?? words.never}</li>`,
  )}</ul>`
}

function callTable({ words }: Language, calls: readonly CallLine[]): Html {
  if (calls.length === 0) return html`<p>${words.none}</p>`
  return html`<div class="scroll"><table><thead><tr><th>${words.call}</th><th>${words.when}</th><th>${words.portal}</th><th>${words.phone}</th><th>${words.duration}</th><th>${words.state}</th><th>${words.verdict}</th></tr></thead><tbody>${calls.map(
    (call) =>
      html`<tr><td><a href="/calls/${call.id}">${call.id}</a></td><td>${stamp(call.startedAt ?? call.createdAt)}</td><td>${call.portalId}</td><td>${call.phone}</td><td>${call.durationSeconds}</td><td>${words[call.state]}${call.class !== null && html` <small>${call.class}</small>`}</td><td>${call.quality}${call.score !== null && html` (${call.score}/100)`}</td></tr>`,
  )}</tbody></table></div>`
}
