// Running a plan: points in, global section forward, plates forward and backward tile by tile,
// global section backward.
#include <algorithm>
#include <cmath>
#include <limits>

#include "exec/workspace.h"

namespace vinci::exec {

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr int kMaxLanes = 64;
constexpr int kMinLanes = 16;
/// What one plate may keep in tiles: about half of a first-level cache.
constexpr size_t kTileBytes = 24 * 1024;
/// What values and adjoints of all rows may take: about a second-level cache.
constexpr size_t kRowBytes = 1536 * 1024;
/// The same for a run of global instructions.
constexpr size_t kRegionBytes = 256 * 1024;
constexpr int kMinTile = 4;
constexpr int kMaxTile = 256;
constexpr int kPlateLanes = 16;

/// Rows of a tile for each element: value and adjoint of every local node, and the stash.
size_t tile_rows(const Plate& plate) { return 2 * plate.num_instructions + plate.stash_rows; }

}  // namespace

// ---- memory
// ---------------------------------------------------------------------------------------------------

int ExecutionPlan::block_lanes(Index lanes) const {
  int block = static_cast<int>(std::min<Index>(kMaxLanes, (lanes + 7) / 8 * 8));
  while (block > kMinLanes &&
         size_t{num_rows_} * 2 * sizeof(double) * static_cast<size_t>(block) > kRowBytes) {
    block = std::max(kMinLanes, block / 2 / 8 * 8);
  }
  return block;
}

std::unique_ptr<ExecutionPlan::Workspace> ExecutionPlan::acquire(int lanes) const {
  std::unique_ptr<Workspace> w;
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      w = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (!w) w = std::make_unique<Workspace>();
  if (w->lanes == lanes) return w;
  const auto width = static_cast<size_t>(lanes);
  w->lanes = lanes;
  w->value.resize(num_rows_ * width);
  w->adjoint.resize(num_rows_ * width);
  w->stash.resize(num_stash_rows_ * width);
  w->scratch.resize(scratch_size_ * width);
  w->sums.resize(2 * width);
  w->inside.resize(width);
  bind_arguments(*w);
  return w;
}

void ExecutionPlan::release(std::unique_ptr<Workspace> workspace) const {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(workspace));
}

// ---- operands
// -------------------------------------------------------------------------------------------------

RowArg ExecutionPlan::row_arg(const Slot& slot, const Workspace& w) const {
  const int32_t lanes = w.lanes;
  switch (slot.kind) {
    case Slot::Kind::kConstant:
      return {&slot.constant, nullptr, 0, true};
    case Slot::Kind::kColumn:
      return {columns_.data() + slot.start, nullptr, 1, true};
    case Slot::Kind::kBroadcast:
      return {w.value.data() + int64_t{slot.start} * lanes, nullptr, 0, false};
    case Slot::Kind::kContiguous:
      return {w.value.data() + int64_t{slot.start} * lanes, nullptr, lanes, false};
    case Slot::Kind::kGather:
      return {w.value.data(), rows_.data() + slot.start, 0, false};
    case Slot::Kind::kLocal:
      break;
  }
  return {};
}

AdjointArg ExecutionPlan::adjoint_arg(const Slot& slot, const Workspace& w) const {
  const int32_t lanes = w.lanes;
  switch (slot.kind) {
    case Slot::Kind::kBroadcast:
      return {w.adjoint.data() + int64_t{slot.start} * lanes, nullptr, 0, true, true};
    case Slot::Kind::kContiguous:
      return {w.adjoint.data() + int64_t{slot.start} * lanes, nullptr, lanes, true, true};
    case Slot::Kind::kGather:
      return {w.adjoint.data(), rows_.data() + slot.start, 0, true, true};
    default:
      return {};
  }
}

void ExecutionPlan::bind_arguments(Workspace& w) const {
  const int64_t lanes = w.lanes;
  w.row_args.clear();
  w.adjoint_args.clear();
  for (const Slot& slot : slots_) {
    w.row_args.push_back(row_arg(slot, w));
    w.adjoint_args.push_back(adjoint_arg(slot, w));
  }
  // Constant inputs of array functions are rows like any other.
  size_t num_constants = 0;
  for (const auto& slots : array_slots_) {
    for (const Slot& s : slots) num_constants += s.kind == Slot::Kind::kConstant ? 1 : 0;
  }
  w.constant_rows.resize(num_constants * static_cast<size_t>(lanes));
  w.array_in.clear();
  w.array_out.clear();
  w.array_adjoint_in.clear();
  w.array_adjoint_out.clear();
  w.array_in_start.clear();
  w.array_out_start.clear();
  double* constant = w.constant_rows.data();
  for (size_t k = 0; k < array_instructions_.size(); ++k) {
    w.array_in_start.push_back(w.array_in.size());
    w.array_out_start.push_back(w.array_out.size());
    for (const Slot& s : array_slots_[k]) {
      if (s.kind == Slot::Kind::kConstant) {
        std::fill_n(constant, lanes, s.constant);
        w.array_in.push_back(constant);
        w.array_adjoint_in.push_back(nullptr);
        constant += lanes;
      } else {
        w.array_in.push_back(w.value.data() + s.start * lanes);
        w.array_adjoint_in.push_back(w.adjoint.data() + s.start * lanes);
      }
    }
    const auto outputs = static_cast<int64_t>(
        array_calls_[static_cast<size_t>(array_instructions_[k].call)].outputs.size());
    for (int64_t j = 0; j < outputs; ++j) {
      const int64_t row = (array_instructions_[k].out_row + j) * lanes;
      w.array_out.push_back(w.value.data() + row);
      w.array_adjoint_out.push_back(w.adjoint.data() + row);
    }
  }
}

namespace {

/// The argument from element `first` on.
RowArg shifted(RowArg a, int64_t first) {
  if (a.rows != nullptr) {
    a.rows += first;
  } else {
    a.base += first * a.step;
  }
  return a;
}
AdjointArg shifted(AdjointArg a, int64_t first) {
  if (a.rows != nullptr) {
    a.rows += first;
  } else if (a.wanted) {
    a.base += first * a.step;
  }
  return a;
}

}  // namespace

// ---- the global section
// ---------------------------------------------------------------------------------------

void ExecutionPlan::load_points(LaneMatrix points, Index first, int used, Workspace& w) const {
  for (int d = 0; d < dim_; ++d) {
    double* row = w.value.data() + int64_t{d} * w.lanes;
    const double* from = points.row(d) + first;
    std::copy_n(from, used, row);
    // Idle lanes repeat the last point: they cost nothing and raise no exceptions of their own.
    std::fill(row + used, row + w.lanes, from[used - 1]);
  }
}

void ExecutionPlan::forward_array(const ArrayInstruction& a, size_t index, Workspace& w) const {
  array_calls_[static_cast<size_t>(a.call)].function->forward(
      w.array_in.data() + w.array_in_start[index], w.array_out.data() + w.array_out_start[index],
      w.scratch.data() + a.scratch_start * static_cast<uint64_t>(w.lanes), w.lanes);
}

void ExecutionPlan::reverse_array(const ArrayInstruction& a, size_t index, Workspace& w) const {
  const size_t out = w.array_out_start[index];
  array_calls_[static_cast<size_t>(a.call)].function->reverse(
      w.array_in.data() + w.array_in_start[index], w.array_out.data() + out,
      w.array_adjoint_out.data() + out, w.array_adjoint_in.data() + w.array_in_start[index],
      w.scratch.data() + a.scratch_start * static_cast<uint64_t>(w.lanes), w.lanes);
}

int64_t ExecutionPlan::region_tile(const Region& region) const {
  const int64_t count = instructions_[steps_[region.first].index].count;
  if (region.last - region.first == 1) return count;
  // The same whatever the number of lanes, so that adjoints add up in one order.
  // Values and adjoints of a result and of about one operand from outside for each instruction.
  const auto row_bytes = size_t{kMaxLanes} * sizeof(double);
  const auto fitting =
      static_cast<int64_t>(kRegionBytes / (4 * row_bytes * (region.last - region.first)));
  return std::clamp<int64_t>(fitting, kMinTile, count);
}

void ExecutionPlan::run_global_forward(Workspace& w, bool with_stash) const {
  const KernelTable& table = kernels();
  const int64_t lanes = w.lanes;
  KernelCall call;
  call.chunks = w.lanes / 8;
  call.row_stride = w.lanes;
  for (const Region& region : regions_) {
    const uint32_t index = steps_[region.first].index;
    if (steps_[region.first].kind == Step::Kind::kArray) {
      forward_array(array_instructions_[index], index, w);
      continue;
    }
    if (steps_[region.first].kind == Step::Kind::kRows) {
      run_rows(row_plates_[index], w, false);
      continue;
    }
    const int64_t count = instructions_[index].count;
    const int64_t tile = region_tile(region);
    for (int64_t first = 0; first < count; first += tile) {
      call.count = static_cast<int32_t>(std::min(tile, count - first));
      for (uint32_t s = region.first; s < region.last; ++s) {
        const Instruction& i = instructions_[steps_[s].index];
        call.arity = i.arity;
        call.in = w.row_args.data() + i.first_slot;
        if (first > 0) {
          w.tile_args.resize(static_cast<size_t>(i.arity));
          for (int32_t a = 0; a < i.arity; ++a)
            w.tile_args[static_cast<size_t>(a)] = shifted(call.in[a], first);
          call.in = w.tile_args.data();
        }
        call.out = w.value.data() + (i.out_row + first) * lanes;
        call.stash =
            with_stash ? w.stash.data() + (i.stash_row + first * stash_rows(i.op, i.arity)) * lanes
                       : nullptr;
        table.forward[static_cast<int>(i.op)](call);
      }
    }
  }
}

void ExecutionPlan::run_global_reverse(Workspace& w) const {
  const KernelTable& table = kernels();
  const int64_t lanes = w.lanes;
  KernelCall call;
  call.chunks = w.lanes / 8;
  call.row_stride = w.lanes;
  for (size_t r = regions_.size(); r-- > 0;) {
    const Region& region = regions_[r];
    const uint32_t index = steps_[region.first].index;
    if (steps_[region.first].kind == Step::Kind::kArray) {
      reverse_array(array_instructions_[index], index, w);
      continue;
    }
    if (steps_[region.first].kind == Step::Kind::kRows) {
      run_rows(row_plates_[index], w, true);
      continue;
    }
    const int64_t count = instructions_[index].count;
    const int64_t tile = region_tile(region);
    for (int64_t first = 0; first < count; first += tile) {
      call.count = static_cast<int32_t>(std::min(tile, count - first));
      for (uint32_t s = region.last; s-- > region.first;) {
        const Instruction& i = instructions_[steps_[s].index];
        call.arity = i.arity;
        call.in = w.row_args.data() + i.first_slot;
        call.adjoint = w.adjoint_args.data() + i.first_slot;
        if (first > 0) {
          w.tile_args.resize(static_cast<size_t>(i.arity));
          w.tile_adjoints.resize(static_cast<size_t>(i.arity));
          for (int32_t a = 0; a < i.arity; ++a) {
            w.tile_args[static_cast<size_t>(a)] = shifted(call.in[a], first);
            w.tile_adjoints[static_cast<size_t>(a)] = shifted(call.adjoint[a], first);
          }
          call.in = w.tile_args.data();
          call.adjoint = w.tile_adjoints.data();
        }
        call.out = w.value.data() + (i.out_row + first) * lanes;
        call.stash = w.stash.data() + (i.stash_row + first * stash_rows(i.op, i.arity)) * lanes;
        call.out_adjoint = {w.adjoint.data() + (i.out_row + first) * lanes, nullptr, w.lanes,
                            false};
        table.reverse[static_cast<int>(i.op)](call);
      }
    }
  }
}

// ---- plates
// ---------------------------------------------------------------------------------------------------

void ExecutionPlan::run_plate(const Plate& plate, Workspace& w, bool with_gradient) const {
  if (plate.num_instructions == 0) {
    KernelCall call;
    call.chunks = w.lanes / 8;
    call.row_stride = w.lanes;
    call.sum = w.sums.data() + (plate.is_jacobian ? w.lanes : 0);
    call.count = plate.count;
    call.arity = 1;
    call.in = w.row_args.data() + plate.rows_slot;
    call.out_adjoint = row_arg(plate.weight, w);
    call.adjoint = with_gradient ? w.adjoint_args.data() + plate.rows_slot : nullptr;
    kernels().weighted_rows(call);
    return;
  }
  // Few lanes at a time, so that a tile has many elements. Its elements are the same whatever the
  // number of lanes: so is the order of every sum.
  const bool in_one_tile =
      tile_rows(plate) * static_cast<size_t>(plate.count) * static_cast<size_t>(w.lanes) <=
      kTileBytes / sizeof(double);
  const int width = in_one_tile ? w.lanes : kPlateLanes;
  for (int first = 0; first < w.lanes; first += width) {
    run_plate_lanes(plate, first, std::min(width, w.lanes - first), w, with_gradient);
  }
}

/// The memory of a tile and the arguments of a plate's instructions in it.
struct ExecutionPlan::TileFrame {
  uint32_t num_locals;
  uint32_t first_slot;
  int64_t tile;  // elements
  int lanes;
  double* values;
  double* adjoints;
  double* stash;

  double* value(uint32_t k) const { return values + k * tile * lanes; }
  double* adjoint(uint32_t k) const { return adjoints + k * tile * lanes; }
};

ExecutionPlan::TileFrame ExecutionPlan::open_tile(const Plate& plate, int64_t tile, int first_lane,
                                                  int lanes, Workspace& w) const {
  const size_t rows_per_element = tile_rows(plate);
  w.tile.resize(rows_per_element * static_cast<size_t>(tile * lanes));
  TileFrame frame{};
  frame.num_locals = plate.num_instructions;
  frame.tile = tile;
  frame.lanes = lanes;
  frame.values = w.tile.data();
  frame.adjoints = frame.values + frame.num_locals * tile * lanes;
  frame.stash = frame.adjoints + frame.num_locals * tile * lanes;
  // Local slots are the same in every tile, the others move on.
  const Instruction* instructions = instructions_.data() + plate.first_instruction;
  frame.first_slot = instructions[0].first_slot;
  const Instruction& root = instructions[frame.num_locals - 1];
  const uint32_t num_slots = root.first_slot + static_cast<uint32_t>(root.arity) - frame.first_slot;
  w.tile_args.resize(num_slots);
  w.tile_adjoints.resize(num_slots);
  w.moving_slots.clear();
  for (uint32_t s = 0; s < num_slots; ++s) {
    const Slot& slot = slots_[frame.first_slot + s];
    if (slot.kind == Slot::Kind::kLocal) {
      w.tile_args[s] = {frame.value(slot.start), nullptr, lanes, false};
      w.tile_adjoints[s] = {frame.adjoint(slot.start), nullptr, lanes, true, slot.accumulate};
      continue;
    }
    w.tile_args[s] = w.row_args[frame.first_slot + s];
    w.tile_adjoints[s] = w.adjoint_args[frame.first_slot + s];
    if (!w.tile_args[s].constant) {
      w.tile_args[s].base += first_lane;
      w.tile_adjoints[s].base += first_lane;
    }
    if (w.tile_args[s].rows != nullptr || w.tile_args[s].step != 0) w.moving_slots.push_back(s);
  }
  return frame;
}

void ExecutionPlan::next_tile(const TileFrame& frame, Workspace& w) {
  for (uint32_t s : w.moving_slots) {
    w.tile_args[s] = shifted(w.tile_args[s], frame.tile);
    w.tile_adjoints[s] = shifted(w.tile_adjoints[s], frame.tile);
  }
}

void ExecutionPlan::set_operands(const TileFrame& frame, const Instruction& i, bool with_gradient,
                                 Workspace& w, KernelCall& call) {
  call.arity = i.arity;
  call.in = w.tile_args.data() + (i.first_slot - frame.first_slot);
  call.adjoint =
      with_gradient ? w.tile_adjoints.data() + (i.first_slot - frame.first_slot) : nullptr;
  call.out = frame.value(i.out_row);
  call.stash = with_gradient ? frame.stash + i.stash_row * frame.tile * frame.lanes : nullptr;
}

void ExecutionPlan::run_plate_lanes(const Plate& plate, int first_lane, int lanes, Workspace& w,
                                    bool with_gradient) const {
  const KernelTable& table = kernels();
  KernelCall call;
  call.chunks = lanes / 8;
  call.row_stride = w.lanes;
  call.sum = w.sums.data() + (plate.is_jacobian ? w.lanes : 0) + first_lane;
  const RowArg weight = row_arg(plate.weight, w);
  const auto fitting =
      static_cast<int64_t>(kTileBytes / (tile_rows(plate) * kPlateLanes * sizeof(double)));
  const int64_t tile =
      std::min<int64_t>(std::clamp<int64_t>(fitting, kMinTile, kMaxTile), plate.count);
  const TileFrame frame = open_tile(plate, tile, first_lane, lanes, w);
  const Instruction* instructions = instructions_.data() + plate.first_instruction;
  const Instruction& root = instructions[frame.num_locals - 1];
  const auto add_rows = [&](uint32_t local, const RowArg& row_weight, bool with_adjoint) {
    const RowArg value{frame.value(local), nullptr, lanes, false};
    const AdjointArg adjoint{frame.adjoint(local), nullptr, lanes, true, true};
    KernelCall add = call;
    add.in = &value;
    add.arity = 1;
    add.out_adjoint = row_weight;
    add.adjoint = with_adjoint ? &adjoint : nullptr;
    table.weighted_rows(add);
  };

  for (int64_t first = 0; first < plate.count; first += tile) {
    call.count = static_cast<int32_t>(std::min(tile, plate.count - first));
    if (first > 0) next_tile(frame, w);
    for (uint32_t k = 0; k + 1 < frame.num_locals; ++k) {
      set_operands(frame, instructions[k], with_gradient, w, call);
      table.forward[static_cast<int>(instructions[k].op)](call);
    }
    set_operands(frame, root, with_gradient, w, call);
    call.out_adjoint = shifted(weight, first);
    if (table.term[static_cast<int>(root.op)] != nullptr) {
      table.term[static_cast<int>(root.op)](call);
    } else {
      table.forward[static_cast<int>(root.op)](call);
      add_rows(root.out_row, call.out_adjoint, false);
      if (with_gradient) table.reverse[static_cast<int>(root.op)](call);
    }
    uint32_t side = 0;
    for (uint32_t k = frame.num_locals - 1; k-- > 0;) {
      if (side < plate.num_side_terms && side_terms_[plate.first_side_term + side].local == k) {
        const RowArg all = row_arg(side_terms_[plate.first_side_term + side].weight, w);
        add_rows(k, shifted(all, first), with_gradient);
        ++side;
      }
      if (!with_gradient) continue;
      set_operands(frame, instructions[k], true, w, call);
      call.out_adjoint = {frame.adjoint(k), nullptr, lanes, false};
      table.reverse[static_cast<int>(instructions[k].op)](call);
    }
  }
}

void ExecutionPlan::run_rows(const Plate& plate, Workspace& w, bool backward) const {
  const KernelTable& table = kernels();
  KernelCall call;
  call.chunks = w.lanes / 8;
  call.row_stride = w.lanes;
  // Of the same elements whatever the number of lanes, so that adjoints add up in one order.
  const auto fitting =
      static_cast<int64_t>(kTileBytes / (tile_rows(plate) * kPlateLanes * sizeof(double)));
  const int64_t tile =
      std::min<int64_t>(std::clamp<int64_t>(fitting, kMinTile, kMaxTile), plate.count);
  const TileFrame frame = open_tile(plate, tile, 0, w.lanes, w);
  const Instruction* instructions = instructions_.data() + plate.first_instruction;
  const uint32_t root = frame.num_locals - 1;
  for (int64_t first = 0; first < plate.count; first += tile) {
    call.count = static_cast<int32_t>(std::min(tile, plate.count - first));
    if (first > 0) next_tile(frame, w);
    const int64_t at = (plate.out_row + first) * w.lanes;
    const auto set = [&](uint32_t k) {
      set_operands(frame, instructions[k], backward, w, call);
      if (k == root) call.out = w.value.data() + at;
    };
    // Backward the values are computed again, but for the rows themselves.
    const uint32_t end =
        backward && stash_rows(instructions[root].op, instructions[root].arity) == 0
            ? root
            : frame.num_locals;
    for (uint32_t k = 0; k < end; ++k) {
      set(k);
      table.forward[static_cast<int>(instructions[k].op)](call);
    }
    for (uint32_t k = frame.num_locals; backward && k-- > 0;) {
      set(k);
      call.out_adjoint = {k == root ? w.adjoint.data() + at : frame.adjoint(k), nullptr, w.lanes,
                          false};
      table.reverse[static_cast<int>(instructions[k].op)](call);
    }
  }
}

// ---- evaluation
// -----------------------------------------------------------------------------------------------

void ExecutionPlan::apply_guards(Workspace& w, int used) const {
  std::fill(w.inside.begin(), w.inside.end(), char{1});
  std::vector<int64_t> counts;
  const auto reject = [&](size_t guard, int lane) {
    if (!w.inside[static_cast<size_t>(lane)]) return;
    w.inside[static_cast<size_t>(lane)] = 0;
    counts.resize(guards_.size() + 1);
    ++counts[guard];
  };
  for (size_t g = 0; g < guards_.size(); ++g) {
    const double* row = w.value.data() + int64_t{guards_[g].row} * w.lanes;
    for (int l = 0; l < used; ++l) {
      if (!graph::holds(guards_[g].kind, row[l])) reject(g, l);
    }
  }
  const double* density = w.sums.data();
  const double* jacobian = density + w.lanes;
  for (int l = 0; l < used; ++l) {
    if (!std::isfinite(density[l] + jacobian[l])) reject(guards_.size(), l);
  }
  if (counts.empty()) return;
  const std::lock_guard lock(mutex_);
  for (size_t g = 0; g < counts.size(); ++g) rejections_[g] += counts[g];
}

void ExecutionPlan::run_block(LaneMatrix points, Index first, int used, std::span<double> value,
                              MutableLaneMatrix gradient, std::span<double> value_no_jacobian,
                              Workspace& w) const {
  const bool with_gradient = gradient.data != nullptr;
  const auto lanes = static_cast<size_t>(w.lanes);
  load_points(points, first, used, w);
  std::fill_n(w.sums.data(), lanes, constants_[0]);
  std::fill_n(w.sums.data() + lanes, lanes, constants_[1]);
  if (with_gradient) std::fill_n(w.adjoint.data(), num_rows_ * lanes, 0.0);
  run_global_forward(w, with_gradient);
  for (const Plate& plate : plates_) run_plate(plate, w, with_gradient);
  if (with_gradient) run_global_reverse(w);
  apply_guards(w, used);
  for (int l = 0; l < used; ++l) {
    const auto lane = static_cast<size_t>(l);
    const auto at = static_cast<size_t>(first) + lane;
    const bool inside = w.inside[lane] != 0;
    value[at] = inside ? w.sums.data()[lane] + w.sums.data()[lanes + lane] : -kInf;
    if (!value_no_jacobian.empty()) value_no_jacobian[at] = inside ? w.sums.data()[lane] : -kInf;
  }
  if (!with_gradient) return;
  for (int d = 0; d < dim_; ++d) {
    const double* from = w.adjoint.data() + static_cast<size_t>(d) * lanes;
    double* to = gradient.row(d) + first;
    for (int l = 0; l < used; ++l) to[l] = w.inside[static_cast<size_t>(l)] ? from[l] : 0.0;
  }
}

void ExecutionPlan::evaluate(LaneMatrix points, std::span<double> value, MutableLaneMatrix gradient,
                             std::span<double> value_no_jacobian) const {
  if (points.lanes == 0) return;
  const int block = block_lanes(points.lanes);
  auto w = acquire(block);
  for (Index first = 0; first < points.lanes; first += block) {
    const int used = static_cast<int>(std::min<Index>(block, points.lanes - first));
    run_block(points, first, used, value, gradient, value_no_jacobian, *w);
  }
  release(std::move(w));
}

void ExecutionPlan::evaluate_outputs(LaneMatrix points, MutableLaneMatrix outputs) const {
  if (points.lanes == 0) return;
  const int block = block_lanes(points.lanes);
  auto w = acquire(block);
  for (Index first = 0; first < points.lanes; first += block) {
    const int used = static_cast<int>(std::min<Index>(block, points.lanes - first));
    load_points(points, first, used, *w);
    run_global_forward(*w, false);
    for (size_t k = 0; k < outputs_.size(); ++k) {
      double* to = outputs.row(static_cast<Index>(k)) + first;
      if (outputs_[k].is_constant) {
        std::fill_n(to, used, outputs_[k].constant);
      } else {
        std::copy_n(w->value.data() + int64_t{outputs_[k].row} * block, used, to);
      }
    }
  }
  release(std::move(w));
}

std::vector<int64_t> ExecutionPlan::rejections() const {
  const std::lock_guard lock(mutex_);
  return rejections_;
}

}  // namespace vinci::exec
