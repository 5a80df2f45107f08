// Runs models with TensorFlow Lite's own interpreter.
//
//   node run_tflite.mjs NODE_MODULES (MODEL INPUTS OUTPUTS)...
//
// INPUTS holds one sample after the other; a sample is the bytes of all of the model's inputs, in order. OUTPUTS gets the same of the outputs.
// Prints one line of JSON for each model. The package is written for browsers, but its WebAssembly module needs nothing of one.

import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [modules, ...files] = process.argv.slice(2);
const folder = join(modules, '@tensorflow', 'tfjs-tflite', 'wasm');
const complaints = [];
const module = await createRequire(import.meta.url)(join(folder, 'tflite_web_api_cc_simd.js'))({
  wasmBinary: readFileSync(join(folder, 'tflite_web_api_cc_simd.wasm')),
  print: () => {},
  printErr: (line) => { if (line.startsWith('ERROR')) complaints.push(line); },
});

/** The tensors' memory as bytes; the views are made anew because running may move them. */
function views(tensors) {
  return Array.from({ length: tensors.size() }, (_, i) => {
    const data = tensors.get(i).data();
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  });
}

function total(list) { return list.reduce((sum, view) => sum + view.length, 0); }

/** Runs all samples. Returns what the caller is told about it. */
function run(model, inputs, outputsPath) {
  const address = module._malloc(model.length);
  module.HEAPU8.set(model, address);
  // Profiling tells which kernels ran.
  const made = module.TFLiteWebModelRunner.CreateFromBufferAndOptions(
    address, model.length, { numThreads: 1, enableProfiling: true, maxProfilingBufferEntries: 1024 });
  if (!made.ok()) throw new Error(made.errorMessage());
  const runner = made.value();
  const sampleBytes = total(views(runner.GetInputs()));
  if (sampleBytes === 0 || inputs.length % sampleBytes !== 0) {
    throw new Error(`the model takes ${sampleBytes} bytes, ${inputs.length} bytes of samples do not divide by that`);
  }
  const results = [];
  let delegated = false;
  for (let offset = 0; offset < inputs.length;) {
    for (const view of views(runner.GetInputs())) {
      view.set(inputs.subarray(offset, offset + view.length));
      offset += view.length;
    }
    if (!runner.Infer()) throw new Error('inference failed');
    if (results.length === 0) delegated = runner.GetProfilingSummary().includes('TfLiteXNNPackDelegate');
    results.push(Buffer.concat(views(runner.GetOutputs()).map((view) => Buffer.from(view))));
  }
  runner.delete();
  module._free(address);
  writeFileSync(outputsPath, Buffer.concat(results));
  return { samples: results.length, xnnpack: delegated };
}

for (let i = 0; i + 2 < files.length; i += 3) {
  try {
    console.log(JSON.stringify(run(readFileSync(files[i]), readFileSync(files[i + 1]), files[i + 2])));
  } catch (error) {
    console.error(`model ${i / 3}: ${error.message} ${complaints.join(' ')}`);
    process.exit(1);
  }
}
