// EXAMPLE, NEVER RUN IN INDESIGN: there was neither a Mac nor InDesign where this was written. Read it before you use
// it. Only `parse` was tried, in Node.js. ExtendScript is ECMAScript 3 and has no JSON.
//
// Opens /opt/render-node/report.indt, whose text frames carry the script labels title, range, summary, body and quotes
// and whose graphic frame carries the label chart, fills them, and exports the PDF. Texts of posts are hostile: they
// are only ever put into `contents`, never evaluated, never made a link, never a file name.

// JSON without eval. Throws for anything that is not JSON.
function parse(text) {
  var at = 0;
  function fail() { throw new Error('not JSON at ' + at); }
  function blank() { while (at < text.length && ' \t\r\n'.indexOf(text.charAt(at)) >= 0) at++; }
  function take(sign) { blank(); if (text.charAt(at) !== sign) fail(); at++; }
  function next() { blank(); return text.charAt(at); }
  function string() {
    var made = '', sign, code;
    take('"');
    while (at < text.length) {
      sign = text.charAt(at++);
      if (sign === '"') return made;
      if (sign !== '\\') { made += sign; continue; }
      sign = text.charAt(at++);
      if (sign === 'u') {
        code = text.substr(at, 4);
        if (!/^[0-9a-fA-F]{4}$/.test(code)) fail();
        made += String.fromCharCode(parseInt(code, 16));
        at += 4;
      } else if ('"\\/'.indexOf(sign) >= 0) made += sign;
      else if (sign === 'n') made += '\n';
      else if (sign === 't') made += '\t';
      else if (sign === 'r') made += '\r';
      else if (sign === 'b' || sign === 'f') made += ' ';
      else fail();
    }
    fail();
  }
  function word() {
    var found = /^(true|false|null|-?\d+(\.\d+)?([eE][+-]?\d+)?)/.exec(text.substr(at, 40));
    if (!found) fail();
    at += found[0].length;
    return found[0] === 'true' ? true : found[0] === 'false' ? false : found[0] === 'null' ? null : Number(found[0]);
  }
  function value() {
    var made, key, sign = next();
    if (sign === '"') return string();
    if (sign === '[') {
      made = [];
      take('[');
      if (next() === ']') { take(']'); return made; }
      while (true) {
        made.push(value());
        if (next() === ']') { take(']'); return made; }
        take(',');
      }
    }
    if (sign === '{') {
      made = {};
      take('{');
      if (next() === '}') { take('}'); return made; }
      while (true) {
        key = string();
        take(':');
        made[key] = value();
        if (next() === '}') { take('}'); return made; }
        take(',');
      }
    }
    return word();
  }
  var made = value();
  blank();
  if (at !== text.length) fail();
  return made;
}

function read(path) {
  var file = new File(path), text;
  file.encoding = 'UTF-8';
  if (!file.open('r')) throw new Error('cannot read ' + path);
  text = file.read();
  file.close();
  return text;
}

function print(job, output) {
  var report = parse(read(job + '/report.json'));
  var assets = parse(read(job + '/assets.json'));
  var before = app.scriptPreferences.userInteractionLevel;
  var body = [], quotes = [], texts, document, i, k, item;
  for (i = 0; i < report.sections.length; i++) {
    body.push(report.sections[i].heading);
    for (k = 0; k < report.sections[i].paragraphs.length; k++) body.push(report.sections[i].paragraphs[k]);
  }
  for (i = 0; i < report.quotes.length; i++) {
    item = report.quotes[i];
    quotes.push('[' + item.number + '] ' + item.text + '\n' + item.author + ' \u00b7 ' + item.time);
  }
  texts = { title: report.label, range: report.range, summary: report.summary, body: body.join('\r'), quotes: quotes.join('\r') };
  app.scriptPreferences.userInteractionLevel = UserInteractionLevels.NEVER_INTERACT; // a dialogue would wait for ever
  try {
    // An untitled copy: the template itself is never open for writing.
    document = app.open(new File('/opt/render-node/report.indt'), false, OpenOptions.OPEN_COPY);
    for (i = 0; i < document.allPageItems.length; i++) {
      item = document.allPageItems[i];
      if (texts.hasOwnProperty(item.label)) item.contents = texts[item.label];
      if (item.label === 'chart') {
        for (k = 0; k < assets.length; k++) {
          if (assets[k].label === 'chart') item.place(new File(job + '/' + assets[k].file));
        }
        item.fit(FitOptions.PROPORTIONALLY);
      }
    }
    document.exportFile(ExportFormat.PDF_TYPE, new File(output), false);
  } finally {
    if (document) document.close(SaveOptions.NO);
    app.scriptPreferences.userInteractionLevel = before;
  }
}

if (typeof app !== 'undefined') print(arguments[0], arguments[1]);
if (typeof module !== 'undefined') module.exports = { parse: parse };
