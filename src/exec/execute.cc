// Running a plan: points in, global section forward, plates forward and backward tile by tile, global section backward.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "exec/workspace.h"

namespace vinci::exec {

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr int kMaxLanes = 64;
/// What one plate may keep in tiles: about half of a first-level cache.
constexpr size_t kTileBytes = 24 * 1024;
/// What values and adjoints of all rows may take: about a second-level cache.
constexpr size_t kRowBytes = 1536 * 1024;
constexpr int kMinTile = 4;
constexpr int kMaxTile = 256;

}  // namespace

// ---- memory ---------------------------------------------------------------------------------------------------

int ExecutionPlan::block_lanes(Index lanes) const {
  int block = static_cast<int>(std::min<Index>(kMaxLanes, (lanes + 7) / 8 * 8));
  while (block > 16 && size_t{num_rows_} * 2 * sizeof(double) * static_cast<size_t>(block) > kRowBytes) {
    block = std::max(16, block / 2 / 8 * 8);
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
  const auto width = static_cast<size_t>(lanes);
  w->lanes = lanes;
  w->value.resize(num_rows_ * width);
  w->adjoint.resize(num_rows_ * width);
  w->stash.resize(num_stash_rows_ * width);
  w->scratch.resize(scratch_size_ * width);
  w->sums.resize(2 * width);
  w->inside.resize(width);
  // Constant inputs of array functions are rows like any other.
  size_t constant_rows = 0;
  for (const auto& slots : array_slots_) {
    for (const Slot& s : slots) constant_rows += s.kind == Slot::Kind::kConstant ? 1 : 0;
  }
  w->constant_rows.resize(constant_rows * width);
  size_t next = 0;
  for (const auto& slots : array_slots_) {
    for (const Slot& s : slots) {
      if (s.kind != Slot::Kind::kConstant) continue;
      std::fill_n(w->constant_rows.data() + next * width, width, s.constant);
      ++next;
    }
  }
  return w;
}

void ExecutionPlan::release(std::unique_ptr<Workspace> workspace) const {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(workspace));
}

// ---- operands -------------------------------------------------------------------------------------------------

RowArg ExecutionPlan::row_arg(const Slot& slot, const Workspace& w, int64_t first) const {
  const int64_t lanes = w.lanes;
  switch (slot.kind) {
    case Slot::Kind::kConstant:
      return {&slot.constant, nullptr, 0, true};
    case Slot::Kind::kColumn:
      return {columns_.data() + slot.start + first, nullptr, 1, true};
    case Slot::Kind::kBroadcast:
      return {w.value.data() + slot.start * lanes, nullptr, 0, false};
    case Slot::Kind::kContiguous:
      return {w.value.data() + (slot.start + first) * lanes, nullptr, 1, false};
    case Slot::Kind::kGather:
      return {w.value.data(), rows_.data() + slot.start + first, 1, false};
    case Slot::Kind::kLocal:
      break;
  }
  return {};
}

AdjointArg ExecutionPlan::adjoint_arg(const Slot& slot, const Workspace& w, int64_t first) const {
  const int64_t lanes = w.lanes;
  switch (slot.kind) {
    case Slot::Kind::kBroadcast:
      return {w.adjoint.data() + slot.start * lanes, nullptr, 0, true, true};
    case Slot::Kind::kContiguous:
      return {w.adjoint.data() + (slot.start + first) * lanes, nullptr, 1, true, true};
    case Slot::Kind::kGather:
      return {w.adjoint.data(), rows_.data() + slot.start + first, 1, true, true};
    default:
      return {};
  }
}

// ---- the global section ---------------------------------------------------------------------------------------

void ExecutionPlan::load_points(LaneMatrix points, Index first, int used, Workspace& w) const {
  for (int d = 0; d < dim_; ++d) {
    double* row = w.value.data() + int64_t{d} * w.lanes;
    const double* from = points.row(d) + first;
    std::copy_n(from, used, row);
    // Idle lanes repeat the last point: they cost nothing and raise no exceptions of their own.
    std::fill(row + used, row + w.lanes, from[used - 1]);
  }
}

void ExecutionPlan::run_global_forward(Workspace& w, bool with_stash) const {
  const KernelTable& table = kernels();
  const int64_t lanes = w.lanes;
  size_t next_constant = 0;
  for (const Step& step : steps_) {
    if (step.is_array) {
      const ArrayInstruction& a = array_instructions_[step.index];
      const graph::ArrayCall& call = array_calls_[static_cast<size_t>(a.call)];
      w.in.clear();
      for (const Slot& s : array_slots_[step.index]) {
        w.in.push_back(s.kind == Slot::Kind::kConstant
                           ? w.constant_rows.data() + static_cast<int64_t>(next_constant++) * lanes
                           : w.value.data() + s.start * lanes);
      }
      w.out.clear();
      for (size_t k = 0; k < call.outputs.size(); ++k) {
        w.out.push_back(w.value.data() + (a.out_row + static_cast<int64_t>(k)) * lanes);
      }
      call.function->forward(w.in.data(), w.out.data(),
                             w.scratch.data() + a.scratch_start * static_cast<uint64_t>(lanes),
                             w.lanes);
      continue;
    }
    const Instruction& i = instructions_[step.index];
    w.row_args.resize(static_cast<size_t>(i.arity));
    for (int32_t a = 0; a < i.arity; ++a) {
      w.row_args[static_cast<size_t>(a)] =
          row_arg(slots_[i.first_slot + static_cast<uint32_t>(a)], w, 0);
    }
    KernelCall call;
    call.count = i.count;
    call.chunks = w.lanes / 8;
    call.arity = i.arity;
    call.in = w.row_args.data();
    call.out = w.value.data() + i.out_row * lanes;
    call.stash = with_stash ? w.stash.data() + i.stash_row * lanes : nullptr;
    table.forward[static_cast<int>(i.op)](call);
  }
}

void ExecutionPlan::run_global_reverse(Workspace& w) const {
  const KernelTable& table = kernels();
  const int64_t lanes = w.lanes;
  size_t next_constant = 0;
  for (const auto& slots : array_slots_) {
    for (const Slot& s : slots) next_constant += s.kind == Slot::Kind::kConstant ? 1 : 0;
  }
  for (size_t n = steps_.size(); n-- > 0;) {
    const Step& step = steps_[n];
    if (step.is_array) {
      const ArrayInstruction& a = array_instructions_[step.index];
      const graph::ArrayCall& call = array_calls_[static_cast<size_t>(a.call)];
      const auto& slots = array_slots_[step.index];
      for (const Slot& s : slots) next_constant -= s.kind == Slot::Kind::kConstant ? 1 : 0;
      size_t constant = next_constant;
      w.in.clear();
      w.adjoint_in.clear();
      for (const Slot& s : slots) {
        const bool is_constant = s.kind == Slot::Kind::kConstant;
        w.in.push_back(is_constant ? w.constant_rows.data() + static_cast<int64_t>(constant++) * lanes
                                   : w.value.data() + s.start * lanes);
        w.adjoint_in.push_back(is_constant ? nullptr : w.adjoint.data() + s.start * lanes);
      }
      w.out.clear();
      w.adjoint_out.clear();
      for (size_t k = 0; k < call.outputs.size(); ++k) {
        const int64_t row = (a.out_row + static_cast<int64_t>(k)) * lanes;
        w.out.push_back(w.value.data() + row);
        w.adjoint_out.push_back(w.adjoint.data() + row);
      }
      call.function->reverse(w.in.data(), w.out.data(), w.adjoint_out.data(), w.adjoint_in.data(),
                             w.scratch.data() + a.scratch_start * static_cast<uint64_t>(lanes),
                             w.lanes);
      continue;
    }
    const Instruction& i = instructions_[step.index];
    w.row_args.resize(static_cast<size_t>(i.arity));
    w.adjoint_args.resize(static_cast<size_t>(i.arity));
    for (int32_t a = 0; a < i.arity; ++a) {
      const Slot& slot = slots_[i.first_slot + static_cast<uint32_t>(a)];
      w.row_args[static_cast<size_t>(a)] = row_arg(slot, w, 0);
      w.adjoint_args[static_cast<size_t>(a)] = adjoint_arg(slot, w, 0);
    }
    KernelCall call;
    call.count = i.count;
    call.chunks = w.lanes / 8;
    call.arity = i.arity;
    call.in = w.row_args.data();
    call.out = w.value.data() + i.out_row * lanes;
    call.stash = w.stash.data() + i.stash_row * lanes;
    call.out_adjoint = {w.adjoint.data() + i.out_row * lanes, nullptr, 1, false};
    call.adjoint = w.adjoint_args.data();
    table.reverse[static_cast<int>(i.op)](call);
  }
}

// ---- plates ---------------------------------------------------------------------------------------------------

void ExecutionPlan::run_plate(const Plate& plate, Workspace& w, bool with_gradient) const {
  const KernelTable& table = kernels();
  const int64_t lanes = w.lanes;
  double* sum = w.sums.data() + (plate.is_jacobian ? lanes : 0);
  KernelCall call;
  call.chunks = w.lanes / 8;

  if (plate.num_instructions == 0) {
    const RowArg in = row_arg(slots_[plate.rows_slot], w, 0);
    const AdjointArg adjoint = adjoint_arg(slots_[plate.rows_slot], w, 0);
    call.count = plate.count;
    call.arity = 1;
    call.in = &in;
    call.out_adjoint = row_arg(plate.weight, w, 0);
    call.adjoint = with_gradient ? &adjoint : nullptr;
    call.sum = sum;
    table.weighted_rows(call);
    return;
  }

  // A tile holds, for each element, value and adjoint of every local node, and the stash.
  const uint32_t num_locals = plate.num_instructions;
  const size_t rows_per_element = 2 * num_locals + plate.stash_rows;
  const auto fitting = static_cast<int64_t>(
      kTileBytes / (rows_per_element * static_cast<size_t>(lanes) * sizeof(double)));
  const int64_t tile = std::min<int64_t>(std::clamp<int64_t>(fitting, kMinTile, kMaxTile), plate.count);
  w.tile.resize(rows_per_element * static_cast<size_t>(tile * lanes));
  const auto local_value = [&](uint32_t k) { return w.tile.data() + k * tile * lanes; };
  const auto local_adjoint = [&](uint32_t k) {
    return w.tile.data() + (num_locals + k) * tile * lanes;
  };
  double* stash = w.tile.data() + 2 * num_locals * tile * lanes;

  const auto set_inputs = [&](const Instruction& i, int64_t first) {
    w.row_args.resize(static_cast<size_t>(i.arity));
    for (int32_t a = 0; a < i.arity; ++a) {
      const Slot& slot = slots_[i.first_slot + static_cast<uint32_t>(a)];
      w.row_args[static_cast<size_t>(a)] = slot.kind == Slot::Kind::kLocal
                                               ? RowArg{local_value(slot.start), nullptr, 1, false}
                                               : row_arg(slot, w, first);
    }
    call.arity = i.arity;
    call.in = w.row_args.data();
    call.out = local_value(i.out_row);
    call.stash = with_gradient ? stash + i.stash_row * tile * lanes : nullptr;
  };
  const auto set_adjoints = [&](const Instruction& i, int64_t first) {
    w.adjoint_args.resize(static_cast<size_t>(i.arity));
    for (int32_t a = 0; a < i.arity; ++a) {
      const Slot& slot = slots_[i.first_slot + static_cast<uint32_t>(a)];
      // A local value has one use: its adjoint is written once, not accumulated.
      w.adjoint_args[static_cast<size_t>(a)] =
          slot.kind == Slot::Kind::kLocal
              ? AdjointArg{local_adjoint(slot.start), nullptr, 1, true, false}
              : adjoint_arg(slot, w, first);
    }
    call.adjoint = w.adjoint_args.data();
  };

  const Instruction& root = instructions_[plate.first_instruction + num_locals - 1];
  for (int64_t first = 0; first < plate.count; first += tile) {
    call.count = static_cast<int32_t>(std::min(tile, plate.count - first));
    for (uint32_t k = 0; k + 1 < num_locals; ++k) {
      const Instruction& i = instructions_[plate.first_instruction + k];
      set_inputs(i, first);
      table.forward[static_cast<int>(i.op)](call);
    }
    set_inputs(root, first);
    call.out_adjoint = row_arg(plate.weight, w, first);
    call.sum = sum;
    if (table.term[static_cast<int>(root.op)] != nullptr) {
      call.adjoint = nullptr;
      if (with_gradient) set_adjoints(root, first);
      table.term[static_cast<int>(root.op)](call);
    } else {
      table.forward[static_cast<int>(root.op)](call);
      const RowArg out{local_value(root.out_row), nullptr, 1, false};
      KernelCall add = call;
      add.in = &out;
      add.arity = 1;
      add.adjoint = nullptr;
      table.weighted_rows(add);
      if (with_gradient) {
        set_adjoints(root, first);
        table.reverse[static_cast<int>(root.op)](call);
      }
    }
    if (!with_gradient) continue;
    for (uint32_t k = num_locals - 1; k-- > 0;) {
      const Instruction& i = instructions_[plate.first_instruction + k];
      set_inputs(i, first);
      set_adjoints(i, first);
      call.out_adjoint = {local_adjoint(i.out_row), nullptr, 1, false};
      table.reverse[static_cast<int>(i.op)](call);
    }
  }
}

// ---- evaluation -----------------------------------------------------------------------------------------------

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
  if (with_gradient) std::memset(w.adjoint.data(), 0, num_rows_ * lanes * sizeof(double));
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
