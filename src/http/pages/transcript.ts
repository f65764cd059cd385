import type { CallShown } from '../../ops/call-show.ts'
import type { Outputs } from './call-outputs.ts'
import { clock } from './format.ts'
import { type Html, html } from './html.ts'
import { markQuotes, quotesOf } from './quotes.ts'
import type { View } from './view.ts'

/** Player and lines. The player works as the browser's own without a script; lines are links to their second. */
export function recordingPanel(view: View, shown: CallShown, outputs: Outputs): Html {
  const { words } = view.language
  return html`<section class="panel" aria-labelledby="recording-title"><h2 id="recording-title">${words.recording}</h2>${
    outputs.hasRecording ? player(view, shown, outputs) : html`<p class="dim">${words.noAudio}</p>`
  }${lines(view, outputs)}</section>`
}

function player(view: View, shown: CallShown, { plan }: Outputs): Html {
  const { words } = view.language
  const at = `/calls/${shown.call.id}`
  // A lane each where the channels hold one voice each; which is whose is told by the parts.
  const lanes = (plan?.peaks ?? []).map(
    (_, channel) => plan?.parts.find((part) => part.channel === channel)?.speaker ?? 'mixed',
  )
  return html`<div id="player" data-peaks="${at}/peaks" data-duration="${plan?.durationSeconds}" data-lanes="${lanes.join(',')}" data-nonce="${view.nonce}"><div id="wave"></div><div class="controls" hidden><button type="button" class="primary" id="play" data-play="${words.play}" data-pause="${words.pausePlay}">${words.play}</button><span id="clock" class="number">0:00 / ${clock(plan?.durationSeconds ?? 0)}</span><label>${words.speed} <select id="speed">${['0.75', '1', '1.25', '1.5', '2'].map((one) => html`<option${one === '1' && html` selected`}>${one}</option>`)}</select></label>${talk(view, shown)}</div><audio id="audio" controls preload="none" src="${at}/audio"></audio><p class="dim hint">${words.audioHint}</p></div>`
}

function talk(view: View, shown: CallShown): Html {
  const { words } = view.language
  const merged = shown.transcript.merged as { talk?: { agentShare?: number | null } } | null
  const share = merged?.talk?.agentShare
  if (typeof share !== 'number') return html``
  const agent = Math.round(share * 100)
  return html`<span class="who-talks"><span class="key agent"></span>${words.agent} ${agent} % <span class="key customer"></span>${words.customer} ${100 - agent} %</span>`
}

function lines(view: View, { transcript, verdict }: Outputs): Html {
  const { words } = view.language
  if (transcript === null || transcript.segments.length === 0) {
    return html`<p class="dim">${transcript?.dropped === undefined ? words.noTranscript : words.droppedByAge}</p>`
  }
  const quotes = verdict === null ? [] : quotesOf(verdict.reason)
  const names = { agent: words.agent, customer: words.customer }
  return html`${transcript.timesEstimated && html`<p class="dim">${words.timesEstimated}</p>`}<ol class="lines" id="lines">${transcript.segments.map(
    (segment) =>
      html`<li data-start="${segment.start.toFixed(2)}" data-end="${segment.end.toFixed(2)}"><button type="button" class="at" disabled>${clock(segment.start)}</button>${
        segment.speaker === null
          ? html`<span></span>`
          : html`<b class="${segment.speaker}">${names[segment.speaker]}</b>`
      }<span class="said">${markQuotes(segment.text, quotes).map((piece) => (piece.quoted ? html`<mark>${piece.text}</mark>` : piece.text))}</span></li>`,
  )}</ol>`
}
