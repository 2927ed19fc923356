"""The look of the report: black on white, white on black in a dark theme, and on paper."""

STYLE = """
:root{color-scheme:light dark;--ink:#111;--paper:#fff;--faint:#767676;--line:#ccc}
@media(prefers-color-scheme:dark){:root{--ink:#eee;--paper:#161616;--faint:#9a9a9a;--line:#444}}
@media print{:root{--ink:#000;--paper:#fff}section{break-inside:auto}figure,.strip,tr{break-inside:avoid}}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.45 system-ui,sans-serif}
main{max-width:1040px;margin:auto;padding:1.5rem}
h1{font-size:1.5rem;overflow-wrap:anywhere}h2{margin-top:2.5rem;border-bottom:2px solid var(--ink)}
h3{margin:1.5rem 0 .3rem;font-size:1rem}h4{margin:.4rem 0;font-weight:600}
table{border-collapse:collapse;font-size:.92em}
th,td{text-align:left;padding:.25rem .7rem .25rem 0;vertical-align:top;overflow-wrap:anywhere}
thead th{border-bottom:1px solid var(--ink)}tbody tr+tr{border-top:1px solid var(--line)}
td.n{text-align:right;font-variant-numeric:tabular-nums}.wide{overflow-x:auto}.share{white-space:nowrap}
code{font:.9em ui-monospace,monospace;overflow-wrap:anywhere}
.bar{width:130px;height:.8em;color:var(--ink);border:1px solid var(--faint)}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,440px),1fr));gap:1.2rem}
figure{margin:0}figcaption{font-weight:600;overflow-wrap:anywhere}
figure>svg{width:100%;height:auto;color:var(--ink);font:11px system-ui,sans-serif}
svg text{fill:var(--ink)}svg line{stroke:var(--line)}
rect.solid{fill:var(--ink)}rect.hatched{fill:url(#hatch);stroke:var(--ink)}rect.open{fill:none;stroke:var(--ink);stroke-width:1.4}
#hatch{color:var(--ink)}.swatch{width:1.1em;height:.9em}.legend{margin:.2rem 0}.legend span{margin-right:1rem}
.note,details,.gone{color:var(--faint);font-size:.9em}
.sides{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,480px),1fr));gap:1rem}
.strip{margin:.5rem 0}.strip p{margin:.1rem 0;overflow-wrap:anywhere;font-size:.9em}
.frames{display:flex;flex-wrap:wrap;gap:3px}.frames img{height:88px;width:auto;max-width:100%}
.group{border-left:3px solid var(--ink);padding-left:.8rem;margin:1.2rem 0}
""".strip()
