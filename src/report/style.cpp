#include "assets.hpp"

namespace mote::report {
namespace {

// Marks (--c) and text have colours of their own. The six of the marks were searched for: simulated after Machado,
// Oliveira and Fernandes (2009), the closest two are 28 apart in CIELAB for people without red or green cones and 18
// for those without blue ones; all have a contrast of 3 or more with the page (WCAG 2.1, 1.4.11). Shades of the heat
// map stop where the text on them would fall below 4.5.
Markup colours() {
  return trusted(R"css(
:root{color-scheme:light dark;
--bg:#fcfcfb;--panel:#f4f5f4;--ink:#16191d;--soft:#545c66;--line:#dcdfe2;--grid:#e7e9eb;
--blue:#175c9e;--orange:#ad4a08;--teal:#1d7350;--amber:#7a5a00;
--hit:23,92,158;--miss:218,117,27;--reach:.62;
--c1:#1b5187;--c2:#da751b;--c3:#4c9971;--c4:#574701;--c5:#8b76ee;--c6:#434d4e}
@media screen and (prefers-color-scheme:dark){:root{
--bg:#121519;--panel:#1a1e23;--ink:#e4e7ea;--soft:#a2abb5;--line:#2e343b;--grid:#272c33;
--blue:#68aef2;--orange:#f0995f;--teal:#72d4aa;--amber:#dcbc5a;
--hit:24,98,176;--miss:170,84,28;--reach:.92;
--c1:#6aaafd;--c2:#d37b48;--c3:#87ddbc;--c4:#ffd074;--c5:#bd95c1;--c6:#6c7378}}
.c1{--c:var(--c1)}.c2{--c:var(--c2)}.c3{--c:var(--c3)}.c4{--c:var(--c4)}.c5{--c:var(--c5)}.c6{--c:var(--c6)}
.free{--c:var(--grid)}
)css");
}

Markup page() {
  return trusted(R"css(
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-padding-top:3.5rem}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Helvetica Neue",Arial,sans-serif;
font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
code,pre{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.88em}
main{max-width:70rem;margin:0 auto;padding:0 1.5rem 4rem}
nav{position:sticky;top:0;z-index:2;background:var(--bg);border-bottom:1px solid var(--line)}
nav ul{max-width:70rem;margin:0 auto;padding:.55rem 1.5rem;display:flex;flex-wrap:wrap;gap:.15rem 1.25rem;list-style:none}
nav a{color:var(--soft);text-decoration:none;font-size:.87rem}
nav a:hover,nav a.here{color:var(--ink);text-decoration:underline;text-underline-offset:.35em;text-decoration-thickness:2px;text-decoration-color:var(--blue)}
a:focus-visible,summary:focus-visible,input:focus-visible+label,button:focus-visible,pre:focus-visible{outline:2px solid var(--blue);outline-offset:2px}
h1{font-size:2.3rem;line-height:1.1;letter-spacing:-.02em;margin:0;font-weight:680}
h2{font-size:1.4rem;line-height:1.25;letter-spacing:-.01em;margin:0 0 .25rem;font-weight:660}
h3{font-size:.95rem;margin:0;font-weight:620}
h4{font-size:.85rem;margin:0;font-weight:500;color:var(--soft)}
p{margin:0}
.lead{color:var(--soft);max-width:46rem}
.hint{color:var(--soft);font-size:.82rem}
section{padding-top:3.25rem}
section>.lead{margin-bottom:1.25rem}h2+.columns{margin-top:1.1rem}
.masthead{display:flex;justify-content:space-between;align-items:flex-start;gap:1.5rem;padding:2.5rem 0 1.75rem;flex-wrap:wrap}
.title{min-width:0}
.brand{font-size:.8rem;color:var(--soft);margin-bottom:.5rem}
.title .lead{margin-top:.5rem;font-size:1.05rem}
.board{margin-top:.4rem;color:var(--soft)}
.board b{color:var(--ink);font-weight:600}
.verdict{border:1.5px solid currentColor;border-radius:99px;padding:.25rem .9rem;font-weight:620;white-space:nowrap}
.ok{color:var(--teal)}.bad{color:var(--orange)}
.mark{white-space:nowrap;font-weight:600}
.badge{display:inline-block;margin-left:.4rem;padding:0 .4rem;border:1px dashed currentColor;border-radius:4px;color:var(--amber);font-size:.72rem;font-weight:500;line-height:1.4;vertical-align:.1em;white-space:nowrap}
.tiles{display:flex;margin:0 0 2rem;border-block:1px solid var(--line)}
.tile{flex:1 1 0;min-width:0;padding:1.1rem 1.25rem 1.1rem 0}.tile:first-child{flex-grow:1.7}
.tile+.tile{padding-left:1.25rem;border-left:1px solid var(--line)}
.tile dt{color:var(--soft);font-size:.85rem}
.tile dt::first-letter,figcaption h3::first-letter{text-transform:uppercase}
.tile dd{margin:0}
.tile .value{font-size:1.7rem;line-height:1.3;font-weight:640;letter-spacing:-.015em;white-space:nowrap}
.tile:first-child .value{font-size:2.3rem;line-height:1.15;color:var(--blue)}
.tile .note{color:var(--soft);font-size:.82rem;line-height:1.4}
.facts{display:flex;flex-wrap:wrap;gap:.5rem 2.5rem;margin:0 0 1.5rem}
.facts dt{color:var(--soft);font-size:.82rem}
.facts dd{margin:0}
.facts.strong{justify-content:space-between;gap:.5rem 1rem}
.facts.strong dd{font-size:1.15rem;font-weight:620}
.lineage{list-style:none;display:flex;margin:2rem 0 0;padding:0;gap:1.6rem}
.lineage li{position:relative;flex:1 1 0;min-width:0;border:1px solid var(--line);border-radius:6px;padding:.55rem .7rem;display:flex;flex-direction:column;line-height:1.35}
.lineage li+li::before{content:"";position:absolute;left:-1.6rem;top:50%;width:1.6rem;border-top:1.5px solid var(--soft)}
.lineage li+li::after{content:"";position:absolute;left:-.55rem;top:calc(50% - .22rem);width:.4rem;height:.4rem;border:solid var(--soft);border-width:1.5px 1.5px 0 0;transform:rotate(45deg)}
.lineage b{font-weight:620}.lineage code{color:var(--blue)}.lineage span{color:var(--soft);font-size:.82rem}
.notice{border-left:3px solid var(--orange);padding:.5rem 1rem;margin-top:2rem;background:var(--panel)}
.notice ul{margin:.25rem 0 0;padding-left:1.2rem}
details{margin-top:.9rem}
summary{cursor:pointer;color:var(--blue);font-size:.9rem;width:fit-content}
details>.long{margin-top:.75rem}
.columns{display:grid;grid-template-columns:minmax(0,1.25fr) minmax(0,1fr);gap:2.5rem}
.columns.even{grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr))}
.columns.even>*{min-width:0}
)css");
}

Markup marks() {
  return trusted(R"css(
table{border-collapse:collapse;width:100%;font-size:.87rem}
caption{text-align:left;font-weight:620;font-size:.95rem;padding:0 0 .4rem}
.long{overflow-x:auto}*+.long,*+table{margin-top:1.5rem}#data td.b{width:45%}
th,td{padding:.3rem .6rem;border-bottom:1px solid var(--grid);vertical-align:middle;text-align:left}
th:first-child,td:first-child{padding-left:0}th:last-child,td:last-child{padding-right:0}
thead td,thead th{font-weight:500;color:var(--soft);font-size:.8rem;line-height:1.25;border-bottom-color:var(--line);vertical-align:bottom;overflow-wrap:normal}
tbody th{font-weight:500}thead .w{overflow-wrap:anywhere}
.t{min-width:4.7rem}.n{text-align:right;white-space:nowrap}thead .n{white-space:normal}
td.b{width:22%;min-width:4rem}
tr.total>*{font-weight:640;border-top:1.5px solid var(--line);border-bottom:0}
tr.features{background:var(--panel)}
.bar{position:relative;display:block;height:.6rem;background:var(--grid);border-radius:2px;min-width:3rem;print-color-adjust:exact;-webkit-print-color-adjust:exact}
.bar i{position:absolute;inset:0 auto 0 0;background:var(--c);border-radius:2px}
.bar.mid{background:linear-gradient(var(--line),var(--line)) 50% 0/1px 100% no-repeat}
.bar.budget{height:.85rem}
.bar.budget b{position:absolute;top:-.2rem;bottom:-.2rem;width:2px;margin-left:-2px;background:var(--ink)}
.budgets .b{width:34%}.budgets caption{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}
.stack{display:flex;height:.75rem;gap:1px;min-width:3rem;print-color-adjust:exact;-webkit-print-color-adjust:exact}
.stack i{background:var(--c);min-width:1px}
.stack i:first-child{border-radius:2px 0 0 2px}.stack i:last-child{border-radius:0 2px 2px 0}
.breakdown .stack{height:1.6rem;margin:.6rem 0}
.breakdown{min-width:0;margin-bottom:1.5rem}
.breakdown h3 b{font-weight:400;color:var(--soft);margin-left:.4rem}
.key{list-style:none;display:flex;flex-wrap:wrap;gap:.1rem 1.1rem;margin:0;padding:0;font-size:.85rem;color:var(--soft)}
.key b{color:var(--ink);font-weight:600}
.key li::before{content:"";display:inline-block;width:.7rem;height:.7rem;border-radius:2px;background:var(--c);margin-right:.4rem;vertical-align:-.05rem;print-color-adjust:exact;-webkit-print-color-adjust:exact}
.key li.line::before{width:1.3rem;height:0;border-radius:0;background:none;border-top:2px solid var(--c);vertical-align:.25rem}
.key li.dash::before{border-top-style:dashed}
.chips{list-style:none;display:flex;flex-wrap:wrap;gap:.3rem .4rem;margin:0;padding:0}
.chips li{background:var(--panel);border-radius:4px;padding:.05rem .5rem;font-size:.85rem}.chips b{font-weight:500;color:var(--soft)}
.groups,.gallery,.worst{margin-top:2rem}
.groups>div{display:grid;grid-template-columns:6rem minmax(0,1fr);margin-top:.5rem;align-items:baseline}
.gallery .rows{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,25rem),1fr));gap:.5rem 2.5rem;margin-top:.6rem}
.gallery .rows>div{display:grid;grid-template-columns:6.5rem minmax(0,1fr);align-items:center;gap:.6rem}
.gallery ul,.worst ul{list-style:none;margin:0;padding:0;display:flex;flex-wrap:wrap;gap:.35rem}
.thumb{display:block;width:3rem;height:3rem;border-radius:3px;background:var(--panel)}
img.thumb{object-fit:contain;image-rendering:pixelated}
svg.thumb path{fill:none;stroke:var(--c);stroke-width:2.5;stroke-linejoin:round;stroke-linecap:round}
svg.thumb .stroke{stroke-width:5}svg.thumb .start{stroke-width:12}
.worst ul{display:grid;grid-template-columns:repeat(auto-fill,minmax(6.5rem,1fr));gap:1rem;margin-top:.75rem}
.worst .thumb{width:4.5rem;height:4.5rem;margin-bottom:.3rem}
.worst span{display:block;font-size:.82rem;line-height:1.35}.worst .wrong{color:var(--orange);font-weight:600}.worst .right{color:var(--soft)}
.commands{position:relative}
pre{background:var(--panel);border-radius:6px;padding:.8rem 1rem;margin:.5rem 0 0;white-space:pre-wrap;line-height:1.6}
button{position:absolute;right:.5rem;top:2.3rem;font:inherit;font-size:.8rem;color:var(--ink);background:var(--bg);border:1px solid var(--line);border-radius:4px;padding:.1rem .6rem;cursor:pointer}
.estimates{margin-top:1.5rem}.estimates ul{margin:.4rem 0 0;padding-left:1.1rem;font-size:.87rem}
#tip{position:fixed;z-index:9;pointer-events:none;background:var(--ink);color:var(--bg);border-radius:5px;padding:.4rem .6rem;font-size:.82rem;line-height:1.4;white-space:pre-line;max-width:min(22rem,90vw)}
)css");
}

Markup charts() {
  return trusted(R"css(
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr));gap:2rem 2.25rem}
.plot{margin:0;min-width:0}
.plot figcaption{display:flex;flex-wrap:wrap;gap:.1rem 1.1rem;align-items:baseline;margin-bottom:.6rem}
.curve figcaption{min-height:3.1rem;align-content:flex-start;margin-bottom:1.1rem}
.frame{display:grid;grid-template-columns:3rem minmax(0,1fr)}
.arena .frame{grid-template-columns:3.6rem minmax(0,1fr)}
.area{position:relative;height:14rem;grid-column:2;grid-row:1;cursor:crosshair}
.arena .area{height:24rem;cursor:default}
.area svg{position:absolute;inset:0;width:100%;height:100%;overflow:visible}
.area path{fill:none;vector-effect:non-scaling-stroke}
.grid{stroke:var(--grid);stroke-width:1}
.area path.line{stroke:var(--c);stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.area path.dash{stroke-dasharray:6 5}
.area path.dot{stroke:var(--c);stroke-width:9;stroke-linecap:round}
.area path.phase{stroke:var(--soft);stroke-width:1;stroke-dasharray:2 3}
.ya{position:relative;grid-column:1;grid-row:1}
.ya span{position:absolute;right:.5rem;transform:translateY(50%);font-size:.75rem;line-height:1;color:var(--soft);white-space:nowrap}
.xa{position:relative;grid-column:2;height:1.3rem}
.xa span{position:absolute;top:.35rem;transform:translateX(-50%);font-size:.75rem;line-height:1;color:var(--soft);white-space:nowrap}
.xa em{display:none;font-style:normal}
.xt{grid-column:2;text-align:right;font-size:.75rem;color:var(--soft)}
.label{position:absolute;font-size:.75rem;line-height:1.2;white-space:nowrap;pointer-events:none;color:var(--soft);max-width:60%;overflow:hidden;text-overflow:ellipsis}
.phase-name{top:-1.15rem!important}.late{transform:translateX(-100%)}
.cursor{position:absolute;top:0;bottom:0;width:1px;background:var(--ink);opacity:.5;pointer-events:none}
.tensor{fill:var(--c);fill-opacity:.22;stroke:var(--c);stroke-width:1.2;vector-effect:non-scaling-stroke}
.tensor:hover{fill-opacity:.6}
.on-tensor{position:absolute;padding:.15rem .3rem;font-size:.75rem;line-height:1.2;overflow:hidden;white-space:nowrap;text-overflow:ellipsis;pointer-events:none}
.tensor.alive{fill-opacity:.45}
.area path.peak-line{stroke:var(--orange);stroke-width:1.2;stroke-dasharray:4 3}
.peak{top:-1.35rem!important;transform:translateX(-50%);color:var(--orange);font-weight:620}
.peak.late{transform:translateX(-100%)}.peak.early{transform:none}
.arena figcaption{margin-bottom:1.9rem}
@media(min-width:62rem){.arena .xa{height:6.4rem}.arena .xa span{display:flex;flex-direction:column;align-items:center;gap:.35rem}
.arena .xa em{display:block;writing-mode:vertical-rl;max-height:4.9rem;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}}
.switch{min-width:0}
.switch input{position:absolute;opacity:0;width:1px;height:1px}
.switch label{display:inline-block;font-size:.82rem;padding:.15rem .7rem;border:1px solid var(--line);cursor:pointer;color:var(--soft)}
.switch label:first-of-type{border-radius:5px 0 0 5px}.switch label:last-of-type{border-radius:0 5px 5px 0;margin-left:-1px}
.switch input:checked+label{background:var(--ink);color:var(--bg);border-color:var(--ink)}
.switch .share,#cm-share:checked~table .count{display:none}#cm-share:checked~table .share{display:inline}
.heat{table-layout:fixed;font-size:.8rem;margin-top:.8rem}
.heat caption{font-weight:400;font-size:.82rem;color:var(--soft)}
.heat th,.heat td{padding:0;border:1px solid var(--bg)}
.heat td{height:2.1rem;text-align:center;background:var(--panel);print-color-adjust:exact;-webkit-print-color-adjust:exact}
.heat td.hit{background:linear-gradient(rgba(var(--hit),calc(var(--v)*var(--reach))) 0 0),var(--bg)}
.heat td.miss{background:linear-gradient(rgba(var(--miss),calc(var(--v)*var(--reach))) 0 0),var(--bg)}
.heat .zero{opacity:0}
.heat .corner{width:19%;vertical-align:bottom;font-weight:400;font-size:.72rem}
.heat thead th{vertical-align:bottom}.heat thead th:not(.corner) span{writing-mode:vertical-rl;transform:rotate(180deg);max-height:7rem;overflow:hidden;line-height:1.1}
.heat thead th:not(.corner){text-align:center}
.heat tbody th{padding-right:.5rem;line-height:1.15;font-size:.78rem;overflow:hidden}
.heat-drawing{margin:0;max-width:34rem}
.heat-drawing svg{display:block;width:100%;height:auto;background:var(--panel);shape-rendering:crispEdges;margin:.3rem 0}
path.hit{fill:rgb(var(--hit))}path.miss{fill:rgb(var(--miss))}
.heat-key{margin-top:.6rem}.heat-key i{display:inline-block;width:.8rem;height:.8rem;border-radius:2px;vertical-align:-.1rem}
.heat-key i.hit{background:rgba(var(--hit),var(--reach))}.heat-key i.miss{background:rgba(var(--miss),var(--reach))}
.aside>:first-child{margin-top:0}
#evaluation>.long{margin-top:2.25rem}
)css");
}

Markup media() {
  return trusted(R"css(
@media(max-width:61.99rem){.tile .value{font-size:1.35rem}.tile:first-child .value{font-size:1.9rem}.tile,.tile+.tile{padding-inline:0 .75rem}.tile+.tile{padding-left:.75rem}.columns{grid-template-columns:minmax(0,1fr)}.n{white-space:normal;overflow-wrap:normal}th,td{padding-inline:.24rem}
.lineage{display:grid;grid-template-columns:repeat(3,minmax(0,1fr))}.lineage li:nth-child(3n+1)::before,.lineage li:nth-child(3n+1)::after{display:none}}
@media(max-width:52rem){table{font-size:.8rem}td.b{min-width:2.2rem}.bar{min-width:1.8rem}td.t{min-width:3.5rem}.budgets td.b{width:24%}}
@media(max-width:40rem){
table{font-size:.87rem}main{padding:0 1.1rem 3rem}nav{position:static}nav ul{padding:.55rem 1.1rem}html{scroll-padding-top:0}
h1{font-size:1.9rem}.masthead{padding:1.75rem 0 1.25rem;gap:1rem}section{padding-top:2.5rem}
.tiles{display:grid;grid-template-columns:1fr 1fr}.tile,.tile+.tile{padding:.7rem .75rem .7rem 0;border:0}.tile:first-child{grid-column:1/-1}
.lineage{grid-template-columns:minmax(0,1fr);gap:1.1rem}.lineage li:nth-child(n+2)::before,.lineage li:nth-child(n+2)::after{display:block}.lineage li{flex:none;display:grid;grid-template-columns:5.5rem 1fr;align-items:baseline}
.lineage li span{grid-column:2}
.lineage li+li::before{left:2rem;top:-1.1rem;width:0;height:1.1rem;border-top:0;border-left:1.5px solid var(--soft)}
.lineage li+li::after{left:calc(2rem - .17rem);top:-.55rem;transform:rotate(135deg)}
.cards,.cards tbody{display:block}.cards thead{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}
.cards caption{display:block}
.cards tr{display:flex;flex-wrap:wrap;gap:.1rem 1.1rem;padding:.5rem 0;border-bottom:1px solid var(--line)}
.cards tr.features{padding-inline:.5rem}
.cards th,.cards td{border:0;padding:0;text-align:left}
.cards tbody th,.cards td.b{flex:1 0 100%;width:auto!important;min-width:0}
.cards tbody th{font-weight:620}.cards td.b .bar{margin:.25rem 0}.cards .bar.mid,.cards td:empty{display:none}
.cards td:not(.b)::before{content:attr(data-l) "\a0";color:var(--soft)}
.refused .cards td{flex:1 0 100%}
.cards .t{min-width:0}th,td{padding-inline:.35rem}#data td.b{width:26%}
nav a.here:not(:hover){color:var(--soft);text-decoration:none}
.frame{grid-template-columns:2.7rem minmax(0,1fr)}.arena .area{height:19rem}.arena .xa .fine{display:none}.on-tensor{font-size:.68rem;padding:.1rem .15rem;text-overflow:clip}
.heat{font-size:.68rem}.heat td{height:1.8rem}.heat .corner{width:21%}.heat tbody th{font-size:.7rem}.heat.many td span{font-size:0}
.groups>div{grid-template-columns:5rem minmax(0,1fr)}.gallery .rows>div{grid-template-columns:5rem minmax(0,1fr)}
td.b{min-width:3rem}.on-tensor.small{display:none}}
@media(max-width:23rem){table:not(.cards) .b{display:none}}
@media print{body{font-size:10pt;background:#fff}nav,button,#tip{display:none}section{padding-top:1.5rem}
h2,h3,caption,thead{break-after:avoid}tr,figure,li,.tile{break-inside:avoid}main{max-width:none;padding:0}.long{overflow:visible}}
)css");
}

}  // namespace

Markup style_sheet() { return join({colours(), page(), marks(), charts(), media()}); }

}  // namespace mote::report
