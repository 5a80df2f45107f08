// Runs models with ONNX Runtime.
//
//   node run_onnx.mjs NODE_MODULES (MODEL INPUTS OUTPUTS)...
//
// INPUTS holds one sample after the other; a sample is the bytes of all of the model's inputs, in order. OUTPUTS gets the same of the outputs.
// Prints one line of JSON for each model. Nothing is optimized: every operator is computed as the file has it.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [modules, ...files] = process.argv.slice(2);
const { default: ort } = await import(pathToFileURL(join(modules, 'onnxruntime-web', 'dist', 'ort.wasm.min.mjs')).href);
ort.env.wasm.numThreads = 1;
const arrays = { float32: Float32Array, int8: Int8Array, uint8: Uint8Array, int32: Int32Array, int64: BigInt64Array, bool: Uint8Array };

/** Runs all samples. Returns what the caller is told about it. */
async function run(model, inputs, outputsPath) {
  const session = await ort.InferenceSession.create(model, { graphOptimizationLevel: 'disabled', logSeverityLevel: 3 });
  const results = [];
  for (let offset = 0; offset < inputs.length;) {
    const feeds = {};
    for (const { name, type, shape } of session.inputMetadata) {
      const dims = shape.map((d) => (typeof d === 'number' ? d : 1));
      const size = dims.reduce((product, d) => product * d, 1) * arrays[type].BYTES_PER_ELEMENT;
      if (offset + size > inputs.length) throw new Error(`the samples' ${inputs.length} bytes end within one`);
      feeds[name] = new ort.Tensor(type, new arrays[type](inputs.buffer.slice(inputs.byteOffset + offset, inputs.byteOffset + offset + size)), dims);
      offset += size;
    }
    const outputs = await session.run(feeds);
    for (const name of session.outputNames) {
      const { data } = outputs[name];
      results.push(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    }
  }
  await session.release();
  writeFileSync(outputsPath, Buffer.concat(results));
  return {};
}

for (let i = 0; i + 2 < files.length; i += 3) {
  try {
    console.log(JSON.stringify(await run(readFileSync(files[i]), readFileSync(files[i + 1]), files[i + 2])));
  } catch (error) {
    console.error(`model ${i / 3}: ${error.message}`);
    process.exit(1);
  }
}
