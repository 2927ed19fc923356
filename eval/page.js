const $=id=>document.getElementById(id),all=[...document.querySelectorAll('article')],place=$('clips');
function show(){const words=$('words').value.toLowerCase(),part=$('part').value;let n=0;
all.forEach(a=>{a.hidden=(part&&a.dataset.part!==part)||!a.textContent.toLowerCase().includes(words);n+=!a.hidden;});
$('shown').textContent=n+' of '+all.length+' clips';}
function sort(){const key=$('order').value,sign=key==='best'?-1:1;
all.sort((a,b)=>(key?sign*(a.dataset.score-b.dataset.score):0)||a.dataset.place-b.dataset.place).forEach(a=>place.append(a));}
$('words').addEventListener('input',show);$('part').addEventListener('change',show);$('order').addEventListener('change',sort);show();
const near=new IntersectionObserver(seen=>seen.forEach(one=>{if(one.isIntersecting){one.target.preload='metadata';near.unobserve(one.target);}}),{rootMargin:'400px'});
document.querySelectorAll('video').forEach(video=>near.observe(video));
