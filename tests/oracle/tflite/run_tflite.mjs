// Runs a model with TensorFlow Lite's own interpreter.
//
//   node run_tflite.mjs NODE_MODULES MODEL INPUTS OUTPUTS
//
// INPUTS holds one sample after the other; a sample is the bytes of all of the model's inputs, in order. OUTPUTS gets the same of the outputs.
// Prints one line of JSON. The package is written for browsers, but its WebAssembly module needs nothing of one.

import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [modules, modelPath, inputsPath, outputsPath] = process.argv.slice(2);
const folder = join(modules, '@tensorflow', 'tfjs-tflite', 'wasm');
const makeModule = createRequire(import.meta.url)(join(folder, 'tflite_web_api_cc_simd.js'));

/** The interpreter for a model, or the reasons why it cannot be made. */
async function load(model) {
  const complaints = [];
  const module = await makeModule({
    wasmBinary: readFileSync(join(folder, 'tflite_web_api_cc_simd.wasm')),
    print: () => {},
    printErr: (line) => { if (line.startsWith('ERROR')) complaints.push(line); },
  });
  const address = module._malloc(model.length);
  module.HEAPU8.set(model, address);
  const made = module.TFLiteWebModelRunner.CreateFromBufferAndOptions(
    address, model.length, { numThreads: 1, enableProfiling: true, maxProfilingBufferEntries: 1024 });
  if (!made.ok()) throw new Error(complaints.join(' ') || made.errorMessage());
  return { runner: made.value(), complaints };
}

/** The tensors' memory as bytes; the views are made anew because running may move them. */
function views(tensors) {
  return Array.from({ length: tensors.size() }, (_, i) => {
    const data = tensors.get(i).data();
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  });
}

function total(list) { return list.reduce((sum, view) => sum + view.length, 0); }

const { runner, complaints } = await load(readFileSync(modelPath));
const inputs = readFileSync(inputsPath);
const sampleBytes = total(views(runner.GetInputs()));
if (sampleBytes === 0 || inputs.length % sampleBytes !== 0) {
  throw new Error(`the model takes ${sampleBytes} bytes, ${inputs.length} bytes of samples do not divide by that`);
}
const results = [];
let delegated = 0;
for (let offset = 0; offset < inputs.length;) {
  for (const view of views(runner.GetInputs())) {
    view.set(inputs.subarray(offset, offset + view.length));
    offset += view.length;
  }
  if (!runner.Infer()) throw new Error(`inference failed: ${complaints.join(' ')}`);
  // The names of the kernels that ran tell whether XNNPACK took part of the model.
  if (results.length === 0) delegated = (runner.GetProfilingSummary().match(/TfLiteXNNPackDelegate/g) ?? []).length;
  results.push(Buffer.concat(views(runner.GetOutputs()).map((view) => Buffer.from(view))));
}
writeFileSync(outputsPath, Buffer.concat(results));
console.log(JSON.stringify({ samples: results.length, output_bytes: results[0]?.length ?? 0, xnnpack: delegated > 0 }));
