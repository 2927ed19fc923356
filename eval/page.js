const box=document.getElementById('words'),order=document.getElementById('order'),all=[...document.querySelectorAll('article')];
function show(){const words=box.value.toLowerCase();all.forEach(a=>a.hidden=!a.textContent.toLowerCase().includes(words));}
function sort(){const key=order.value,place=document.getElementById('clips');
all.sort((a,b)=>key?(+a.dataset[key])-(+b.dataset[key]):a.dataset.place-b.dataset.place).forEach(a=>place.append(a));}
box.addEventListener('input',show);order.addEventListener('change',sort);
