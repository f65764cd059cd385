import type { Finding } from '../../ops/finding.ts'
import type { Overview } from '../../ops/overview.ts'
import { hourBars, qualityBar } from './charts.ts'
import { age, dateOf, moment, money, number, span } from './format.ts'
import { frame } from './frame.ts'
import { gateBanners } from './gate-banner.ts'
import { type Html, html } from './html.ts'
import { count, state } from './parts.ts'
import type { View } from './view.ts'
import { classWords } from './words/class-words.ts'

/** How it goes: figures of a day or a week, the charts, gates, backlog, workers, portals. */
export function overviewPage(view: View, facts: Overview): string {
  const { words } = view.language
  const { status } = facts
  // A closed gate has a banner of its own.
  const alarms = status.findings.filter((one) => one.kind !== 'gate_closed' && one.kind !== 'cap_reached')
  const alive = status.workers.filter((worker) => worker.alive).length
  const calls = facts.perHour.reduce((sum, hour) => sum + hour.calls, 0)
  const tab = (window: '24h' | '7d', text: string) =>
    html`<a href="/overview?window=${window}"${facts.window === window && html` aria-current="true"`}>${text}</a>`
  const body = html`<div class="head"><h1>${words.overviewTitle}</h1><nav class="states" aria-label="${words.period}">${tab('24h', words.window24h)}${tab('7d', words.window7d)}</nav></div>
${status.ok ? html`<p class="banner good" role="status">${words.allGood}</p>` : alarms.length > 0 && html`<section class="banner warn" role="alert"><div><strong>${words.alarms}</strong><ul>${alarms.map((alarm) => html`<li>${tell(view, alarm)}</li>`)}</ul></div></section>`}
${gateBanners(view, status.gates)}
<dl class="figures"><div><dt>${words.navCalls}</dt><dd><b>${count(view, calls)}</b><small>${count(view, facts.written)} ${words.entries}</small></dd></div>
<div><dt>${words.needsAction}</dt><dd><b class="${status.runs.parked > 0 ? 'bad' : ''}">${count(view, status.runs.parked)}</b></dd></div>
<div><dt>${words.timeToTimeline}</dt><dd><b>${facts.p95Ms === null ? '–' : span(view, facts.p95Ms)}</b><small>p95 · ${words.median} ${facts.p50Ms === null ? '–' : span(view, facts.p50Ms)}</small></dd></div>
<div><dt>${words.backlog}</dt><dd><b>${count(view, facts.backlog.steps)}</b><small>${words.backlogSteps}${facts.backlog.oldestDueAt !== null && html` · ${words.oldestWaiting} ${age(view, facts.backlog.oldestDueAt)}`}</small></dd></div>
<div><dt>${words.cost}</dt><dd><b>${facts.costMicros === null ? '–' : money(view, facts.costMicros)}</b><small>${facts.costMicros === null ? words.noPrices : ''}</small></dd></div></dl>
<section class="panel" aria-labelledby="hours-title"><h2 id="hours-title">${words.callsByHour}</h2>${hourBars(view, facts.perHour, { small: false })}<p class="legend dim"><span class="key all"></span>${words.chartCalls} <span class="key failed"></span>${words.chartFailed}</p><details><summary>${words.asTable}</summary>${hourTable(view, facts)}</details></section>
<div class="two even"><section class="panel" aria-labelledby="mix-title"><h2 id="mix-title">${words.qualityMix}</h2>${qualityBar(view, facts)}</section>
<section class="panel" aria-labelledby="workers-title"><h2 id="workers-title">${words.workers}: ${alive} ${words.alive}</h2><ul class="log">${status.workers.map((worker) => html`<li>${state(worker.alive ? 'good' : 'bad', worker.host)} <span class="dim">${worker.queues} · ${worker.version} · ${words.heardAgo} ${span(view, worker.heardMsAgo)}</span></li>`)}</ul></section>
<section class="panel" aria-labelledby="gates-title"><h2 id="gates-title">${words.gates}</h2>${status.gates.length === 0 ? html`<p>${words.gatesOpen}</p>` : html`<ul>${status.gates.map((gate) => html`<li>${gate.name}: ${gate.message}</li>`)}</ul>`}</section>
<section class="panel" aria-labelledby="portals-title"><h2 id="portals-title">${words.reconcile}</h2><ul class="log">${status.portals.map((portal) => html`<li><b>${portal.name}</b> ${words.lastEvent} ${portal.lastEventAt === null ? words.never : age(view, portal.lastEventAt)} · ${words.lastReconcile} ${portal.reconciledAt === null ? words.never : age(view, portal.reconciledAt)} · ${count(view, portal.reconcileFound)} ${words.reconcileFound}</li>`)}</ul>${spending(view, facts)}</section></div>`
  return frame(view, { title: words.navOverview, tab: 'overview', body })
}

function tell(view: View, finding: Finding): string {
  const text = view.language.words[`alarm_${finding.kind}`]
  if (finding.kind === 'batch_parked')
    return `${text}: № ${finding.id}, ${classWords(view.language, finding.class ?? '').title}`
  const n = 'calls' in finding ? finding.calls : 'waiting' in finding ? finding.waiting : null
  return n === null ? text : `${text}: ${count(view, n)}.`
}

function hourTable(view: View, facts: Overview): Html {
  const { words } = view.language
  return html`<div class="scroll" tabindex="0" role="group" aria-label="${words.callsByHour}"><table><thead><tr><th scope="col">${words.hour}</th><th scope="col" class="number">${words.chartCalls}</th><th scope="col" class="number">${words.chartFailed}</th></tr></thead><tbody>${facts.perHour.map(
    (hour) =>
      html`<tr><td>${moment(view, dateOf(hour.hour))}</td><td class="number">${hour.calls}</td><td class="number">${hour.failed}</td></tr>`,
  )}</tbody></table></div>`
}

function spending(view: View, { status }: Overview): Html | false {
  const { words } = view.language
  if (status.spent.length === 0) return false
  return html`<h3>${words.spent}</h3><ul class="log">${status.spent.map((one) => html`<li><b>${one.portalId}</b> ${words.today} ${number(view, one.day.minutes, 1)}${one.day.capMinutes !== null && ` / ${number(view, one.day.capMinutes)}`} ${words.minutes}</li>`)}</ul>`
}
