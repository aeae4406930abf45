#include "coding/codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>

#include "coding/bytes.h"
#include "numeric/parallel/thread_pool.h"
#include "numeric/random/philox.h"
#include "vinci/error.h"

namespace vinci::coding {

namespace {

constexpr uint64_t kDefaultChunkValues = uint64_t{1} << 22;
constexpr std::string_view kModelMagic = "VBM1\r\n\x1a\n";

uint64_t chunk_seed(uint64_t seed, uint32_t number) { return seed * 0x9e3779b97f4a7c15u + number; }

uint64_t rows_per_chunk(const CompressOptions& options, const TableModel& model) {
  const uint64_t most = std::max<uint64_t>(1, kMaxChunkValues / model.num_columns());
  if (options.chunk_rows != 0) return std::min(options.chunk_rows, most);
  const uint64_t rows = std::max<uint64_t>(1, kDefaultChunkValues / model.num_columns());
  return std::min({rows, most, model.max_chunk_rows()});
}

void report_progress(const Context& context, const char* stage, uint64_t done, uint64_t total) {
  if (context.cancelled()) throw Error(Error::Kind::kCancelled, "Stopped; nothing was written.");
  Progress progress;
  progress.stage = stage;
  progress.fraction = total == 0 ? std::numeric_limits<double>::quiet_NaN()
                                 : static_cast<double>(done) / static_cast<double>(total);
  context.progress(progress);
}

}  // namespace

void binarise(std::vector<int64_t>& values, Binarise how, uint64_t first_index, uint64_t seed,
              int64_t full) {
  if (how == Binarise::kNone) return;
  for (size_t i = 0; i < values.size(); ++i) {
    if (how == Binarise::kThreshold) {
      values[i] = 2 * values[i] > full;
      continue;
    }
    // A number for each place in the file.
    const uint64_t index = first_index + i;
    const auto block = numeric::philox4x32(
        {static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32), 0x62696e61, 0},
        {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
    const double u = (block[0] + 0.5) * 0x1p-32;
    values[i] = u * static_cast<double>(full) < static_cast<double>(values[i]);
  }
}

CodedChunk encode_chunk(const TableModel& model, const std::vector<int64_t>& values,
                        uint32_t number, uint64_t seed, const BitsBackOptions& options) {
  const std::span<const Column> columns = model.columns();
  CodedChunk out;
  std::vector<uint32_t> symbols(values.size());
  std::string escapes;
  uint64_t before = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const Column& column = columns[i % columns.size()];
    if (column.holds(values[i])) {
      symbols[i] = static_cast<uint32_t>(column.symbol(values[i]));
      continue;
    }
    symbols[i] = values[i] < column.low ? 0 : column.size - 1;
    put_varint(escapes, i - before);
    put_signed(escapes, values[i]);
    before = i;
    ++out.escapes;
  }
  AnsStack stack(chunk_seed(seed, number));
  model.encode(stack, symbols, options);
  out.bound_bits = model.bound_bits(symbols, options, chunk_seed(seed, number));
  for (size_t i = values.size(); i-- > 0;) {
    const Column& column = columns[i % columns.size()];
    if (column.shift == 0) continue;
    const uint64_t rest = static_cast<uint64_t>(values[i]) - static_cast<uint64_t>(column.low);
    stack.push_bits(rest & ((uint64_t{1} << column.shift) - 1), static_cast<int>(column.shift));
    out.bound_bits += column.shift;
  }
  put_varint(out.bytes, out.escapes);
  out.bytes += escapes;
  const AnsState state = stack.state();
  out.bytes += static_cast<char>(state.has_lanes);
  put_u64(out.bytes, state.head);
  if (state.has_lanes)
    for (const uint64_t lane : state.lanes) put_u64(out.bytes, lane);
  out.bytes.reserve(out.bytes.size() + 4 * state.words.size());
  for (const uint32_t word : state.words) put_u32(out.bytes, word);
  out.clean_bits = stack.num_clean_bits();
  return out;
}

std::vector<int64_t> decode_chunk(const TableModel& model, std::string_view bytes, uint32_t rows,
                                  uint32_t number, uint64_t seed, const BitsBackOptions& options) {
  const auto damaged = [] {
    throw Error(Error::Kind::kInput, "is damaged: it does not decode to rows of the model");
  };
  const std::span<const Column> columns = model.columns();
  const uint64_t count = rows * columns.size();
  if (count > kMaxChunkValues) damaged();
  ByteReader in(bytes);
  const uint64_t num_escapes = in.varint();
  in.require(num_escapes <= count);
  std::vector<std::pair<uint64_t, int64_t>> escapes;
  uint64_t at = 0;
  for (uint64_t k = 0; in.ok() && k < num_escapes; ++k) {
    at += in.varint();
    in.require(at < count);
    escapes.emplace_back(at, in.signed_number());
  }
  AnsState state;
  const uint8_t has_lanes = in.u8();
  in.require(has_lanes <= 1);
  state.has_lanes = has_lanes != 0;
  state.head = in.u64();
  if (state.has_lanes)
    for (uint64_t& lane : state.lanes) lane = in.u64();
  in.require(in.left() % 4 == 0);
  if (!in.ok() || !AnsStack::is_valid(state)) damaged();
  state.words.reserve(in.left() / 4);
  while (in.left() > 0) state.words.push_back(in.u32());
  AnsStack stack(std::move(state), chunk_seed(seed, number));
  std::vector<int64_t> values(count);
  std::vector<uint64_t> below(count);
  for (size_t i = 0; i < count; ++i)
    below[i] = stack.pop_bits(static_cast<int>(columns[i % columns.size()].shift));
  std::vector<uint32_t> symbols(count);
  model.decode(stack, symbols, options);
  if (!stack.is_back_at_start()) damaged();
  for (size_t i = 0; i < count; ++i) {
    const Column& column = columns[i % columns.size()];
    values[i] = static_cast<int64_t>(static_cast<uint64_t>(column.low) +
                                     (uint64_t{symbols[i]} << column.shift) + below[i]);
  }
  for (const auto& [index, value] : escapes) values[index] = value;
  return values;
}

ModelCodes learn_from(dataset::TableReader& reader, const CompressOptions& compress,
                      LearnOptions options, uint64_t max_rows, const Context& context) {
  const uint64_t columns = reader.layout().columns;
  std::vector<int64_t> values;
  uint64_t rows = 0;
  while (max_rows == 0 || rows < max_rows) {
    const uint64_t want = std::min<uint64_t>(4096, max_rows == 0 ? 4096 : max_rows - rows);
    const size_t got = reader.read(values, want);
    if (got == 0) break;
    rows += got;
    report_progress(context, "reading", rows, reader.expected_rows());
  }
  binarise(values, compress.binarise, 0, compress.seed);
  SymbolTable table;
  table.columns = compress.binarise == Binarise::kNone
                      ? fit_columns(values, reader.layout().row_shape.size() >= 2 ? 1 : columns)
                      : std::vector<Column>(columns, Column{0, 2, 0});
  // Pixels have one range, whatever those at the margin were in the rows seen.
  table.columns.resize(columns, table.columns[0]);
  table.symbols.reserve(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const Column& column = table.columns[i % columns];
    table.symbols.push_back(static_cast<uint16_t>(column.symbol(values[i])));
  }
  values = {};
  if (reader.expected_rows() > rows) options.rows_to_code = reader.expected_rows();
  return learn(table, options, context);
}

CodingReport compress(dataset::TableReader& reader, const TableModel& model,
                      const CompressOptions& options, const dataset::TableWriter::Sink& sink,
                      const Context& context) {
  const dataset::TableLayout& layout = reader.layout();
  if (layout.columns != model.num_columns())
    throw Error(Error::Kind::kInput,
                fmt::format("The model is of rows of {} values, the table has {}.",
                            model.num_columns(), layout.columns));
  VbbHeader header;
  header.layout = options.binarise == Binarise::kNone ? layout : dataset::as_bytes(layout);
  header.binarise = options.binarise;
  header.seed = options.seed;
  header.coding = options.coding;
  header.model_name = model.name();
  header.model_fingerprint = model.fingerprint();
  if (options.embed_model) header.model = model.bytes();
  VbbWriter writer(header, sink);
  CodingReport report;
  report.model_bytes = header.model.size();
  const uint64_t chunk_rows = rows_per_chunk(options, model);
  numeric::ThreadPool pool(options.threads);
  const auto batch = static_cast<size_t>(pool.num_threads());
  std::vector<std::vector<int64_t>> values(batch);
  std::vector<CodedChunk> coded(batch);
  for (bool more = true; more;) {
    size_t filled = 0;
    for (; filled < batch && more; ++filled) {
      values[filled].clear();
      const uint64_t first = report.rows * layout.columns;
      const size_t rows = reader.read(values[filled], chunk_rows);
      if (rows == 0) {
        more = false;
        break;
      }
      binarise(values[filled], options.binarise, first, options.seed);
      report.rows += rows;
    }
    pool.parallel_for(static_cast<ptrdiff_t>(filled), [&](ptrdiff_t k) {
      const auto i = static_cast<size_t>(k);
      coded[i] = encode_chunk(model, values[i], static_cast<uint32_t>(report.chunks + i),
                              options.seed, options.coding);
    });
    for (size_t i = 0; i < filled; ++i) {
      writer.add_chunk(static_cast<uint32_t>(values[i].size() / layout.columns), coded[i].bytes);
      report.clean_bits += coded[i].clean_bits;
      report.escapes += coded[i].escapes;
      report.bound_bits += coded[i].bound_bits;
    }
    report.chunks += filled;
    report_progress(context, "compressing", report.rows, reader.expected_rows());
  }
  report.values = report.rows * layout.columns;
  report.end = reader.end();
  VbbTotals totals{report.rows, report.escapes, report.clean_bits, report.bound_bits, report.end};
  writer.finish(totals);
  report.file_bytes = writer.num_bytes();
  return report;
}

TableModelPtr model_of(const VbbFile& file, const std::string& name, TableModelPtr given) {
  const auto fail = [&](const std::string& what) {
    throw Error(Error::Kind::kInput, fmt::format("The file `{}` {}", name, what));
  };
  const uint64_t wanted = file.header.model_fingerprint;
  if (given != nullptr) {
    const uint64_t has = given->fingerprint();
    if (has != wanted)
      fail(
          fmt::format("was written with another model: {} with fingerprint {:016x}, where the "
                      "given one is {} with {:016x}.",
                      file.header.model_name, wanted, given->name(), has));
  } else if (file.header.model.empty()) {
    fail(fmt::format("does not hold its model, {} with fingerprint {:016x}; give it with --model.",
                     file.header.model_name, wanted));
  } else {
    try {
      given = make_component_model(parse_model(file.header.model));
    } catch (const Error& error) {
      fail(std::string(error.what()) + ".");
    }
    if (given->fingerprint() != wanted) fail("holds a model that is not the one it names.");
  }
  if (given->num_columns() != file.header.layout.columns)
    fail(fmt::format("has rows of {} values, its model is of {}.", file.header.layout.columns,
                     given->num_columns()));
  return given;
}

DecompressReport decompress(const VbbFile& file, const std::string& name, const TableModel& model,
                            const DecompressOptions& options,
                            const dataset::TableWriter::Sink& sink, const Context& context) {
  dataset::TableWriter writer(file.header.layout, sink);
  return decompress(file, name, model, options, writer, context);
}

DecompressReport decompress(const VbbFile& file, const std::string& name, const TableModel& model,
                            const DecompressOptions& options, dataset::RowWriter& writer,
                            const Context& context) {
  DecompressReport report;
  const auto lose = [&](const std::string& sentence) {
    if (!options.salvage)
      throw Error(Error::Kind::kInput,
                  fmt::format("`{}`: {} (--salvage writes what can be read)", name, sentence));
    report.lost.push_back(sentence);
  };
  const uint64_t total = file.totals.rows;
  if (options.first_row > total || options.first_row > options.last_row)
    throw Error(Error::Kind::kUsage, fmt::format("Rows {} to {} are asked for; the file has {}.",
                                                 options.first_row, options.last_row, total));
  for (const std::string& problem : file.problems) lose(problem);
  std::vector<const VbbChunk*> wanted;
  const uint64_t last_row = std::min(options.last_row, total);
  uint64_t rows = 0;
  for (const VbbChunk& chunk : file.chunks) {
    const uint64_t end = chunk.first_row + chunk.rows;
    if (end <= options.first_row || chunk.first_row >= last_row) continue;
    if (!chunk.problem.empty()) {
      lose(fmt::format("Chunk {} (rows {} to {}) {}.", chunk.number, chunk.first_row, end - 1,
                       chunk.problem));
      continue;
    }
    wanted.push_back(&chunk);
    rows += std::min(end, last_row) - std::max(chunk.first_row, options.first_row);
  }

  numeric::ThreadPool pool(options.threads);
  const auto batch = static_cast<size_t>(pool.num_threads());
  std::vector<std::vector<int64_t>> values(batch);
  std::vector<std::string> failed(batch);
  const auto decode = [&](size_t first, size_t count) {
    pool.parallel_for(static_cast<ptrdiff_t>(count), [&](ptrdiff_t k) {
      const auto i = static_cast<size_t>(k);
      const VbbChunk& chunk = *wanted[first + i];
      failed[i].clear();
      try {
        values[i] = decode_chunk(model, chunk.bytes, chunk.rows, chunk.number, file.header.seed,
                                 file.header.coding);
      } catch (const Error& error) {
        failed[i] = fmt::format("Chunk {} (rows {} to {}) {}.", chunk.number, chunk.first_row,
                                chunk.first_row + chunk.rows - 1, error.what());
      }
    });
  };
  if (options.salvage) {
    // The head of a file says how many rows follow: what does not decode has to be known first.
    std::vector<const VbbChunk*> good;
    for (size_t first = 0; first < wanted.size(); first += batch) {
      const size_t count = std::min(batch, wanted.size() - first);
      decode(first, count);
      for (size_t i = 0; i < count; ++i) {
        const VbbChunk& chunk = *wanted[first + i];
        if (failed[i].empty()) {
          good.push_back(&chunk);
        } else {
          lose(failed[i]);
          rows -= std::min(chunk.first_row + chunk.rows, last_row) -
                  std::max(chunk.first_row, options.first_row);
        }
      }
    }
    wanted = good;
  }
  writer.begin(rows);
  const uint64_t columns = file.header.layout.columns;
  for (size_t first = 0; first < wanted.size(); first += batch) {
    const size_t count = std::min(batch, wanted.size() - first);
    decode(first, count);
    for (size_t i = 0; i < count; ++i) {
      const VbbChunk& chunk = *wanted[first + i];
      if (!failed[i].empty()) lose(failed[i]);
      std::vector<int64_t>& out = values[i];
      const uint64_t end = chunk.first_row + chunk.rows;
      if (end > last_row) out.resize((last_row - chunk.first_row) * columns);
      if (chunk.first_row < options.first_row)
        out.erase(out.begin(), out.begin() + static_cast<ptrdiff_t>(
                                                 (options.first_row - chunk.first_row) * columns));
      writer.write(std::max(chunk.first_row, options.first_row), out);
      report.rows += out.size() / columns;
    }
    report_progress(context, "decompressing", report.rows, rows);
  }
  writer.finish(file.totals.end);
  report.values = report.rows * columns;
  return report;
}

std::string model_file_bytes(const ModelCodes& codes) {
  std::string out(kModelMagic);
  const std::string bytes = serialise(codes);
  out += bytes;
  put_u32(out, checksum(bytes));
  return out;
}

ModelCodes read_model_file(std::string_view bytes, const std::string& name) {
  const auto fail = [&](const std::string& reason) {
    throw Error(Error::Kind::kInput, fmt::format("The file `{}` {}.", name, reason));
  };
  if (!bytes.starts_with(kModelMagic)) fail("is not a model file of vinci compress");
  bytes.remove_prefix(kModelMagic.size());
  if (bytes.size() < 4) fail("is cut off");
  const std::string_view codes = bytes.substr(0, bytes.size() - 4);
  if (ByteReader(bytes.substr(codes.size())).u32() != checksum(codes))
    fail("is damaged: its checksum is wrong");
  try {
    return parse_model(codes);
  } catch (const Error& error) {
    fail(error.what());
  }
  return {};
}

}  // namespace vinci::coding
