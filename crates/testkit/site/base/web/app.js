// The list of harbours works without this file; it only counts what is free tonight.
const cells = [...document.querySelectorAll("[data-free], #berths td:nth-child(3)")];
const free = cells.reduce((sum, cell) => sum + Number.parseInt(cell.dataset.free ?? cell.textContent, 10), 0);
document.title = `${free} berths free tonight`;
