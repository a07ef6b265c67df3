"""One benchmark a kernel; each first asserts that the implementation computes the right thing."""

from functools import lru_cache

import captioners
import cases
import cases_attention
import cases_conv
import cases_elementwise
import cases_embedding
import cases_norm
import cases_recurrent
import cases_resize
import cases_text
import language_models
import numpy_impl
import pytest
import shapes
import steps
import taggers
import text_cnn
import transformers
import translation

PLAIN = ["fastnn", "numpy", "torch"]
IMAGES = ["fastnn", "numpy", "torch NCHW", "torch channels_last"]
ACTIVATIONS = list(numpy_impl.ACTIVATIONS)


@lru_cache(maxsize=1)  # all implementations of one shape come one after the other
def case_of(build, *arguments):
    return build(*arguments)


@pytest.fixture
def measure(benchmark, threads):
    """Check, then time, one implementation of the case that `build(*arguments)` makes."""

    def run(impl, build, *arguments):
        case = case_of(build, *arguments)
        if impl not in case.impls:
            pytest.skip(f"{impl} is not installed")
        benchmark.group = f"{build.__name__} {case.label}"
        case.check(impl)
        benchmark(case.impls[impl])
        benchmark.extra_info |= {"impl": impl, "threads": threads}
        if benchmark.stats:  # none with --benchmark-disable
            benchmark.extra_info[case.unit] = round(case.rate(benchmark.stats["min"]), 2)

    return run


def impls(*names):
    return pytest.mark.parametrize("impl", names)


def over(shapes):
    return pytest.mark.parametrize("shape", shapes, ids=str)


@impls("fastnn", "fastnn packed", "numpy", "torch")
@over(shapes.GEMM)
def test_gemm(measure, shape, impl):
    measure(impl, cases.gemm, shape)


@impls(*PLAIN)
@pytest.mark.parametrize("batch", [1, 128])
def test_linear_forward_and_backward(measure, batch, impl):
    measure(impl, cases.linear, batch, 784, 1024)


@impls(*IMAGES)
@over(shapes.CONV)
def test_conv2d(measure, shape, impl):
    measure(impl, cases.conv_forward, shape)


@impls(*IMAGES)
@over(shapes.CONV + shapes.GROUPED)
def test_conv2d_forward_and_backward(measure, shape, impl):
    measure(impl, cases.conv_both, shape)


@impls(*PLAIN)
@over(shapes.CONV1D)
def test_conv1d_forward_and_backward(measure, shape, impl):
    measure(impl, cases_conv.conv1d, shape)


@impls(*PLAIN)
@over(shapes.CONV_TRANSPOSE1D)
def test_conv_transpose1d_forward_and_backward(measure, shape, impl):
    measure(impl, cases_conv.conv_transpose1d, shape)


@impls(*PLAIN)
@over(shapes.MAX_OVER_TIME)
def test_conv1d_max_over_time(measure, shape, impl):
    measure(impl, cases_conv.conv1d_max_over_time, shape)


@impls(*IMAGES)
@over(shapes.CONV_TRANSPOSE)
def test_conv_transpose2d(measure, shape, impl):
    measure(impl, cases_conv.transpose_forward, shape)


@impls(*IMAGES)
@over(shapes.CONV_TRANSPOSE)
def test_conv_transpose2d_forward_and_backward(measure, shape, impl):
    measure(impl, cases_conv.transpose_both, shape)


@impls(*IMAGES)
@over(shapes.IM2COL)
def test_im2col(measure, shape, impl):
    measure(impl, cases.im2col, shape)


@impls(*PLAIN)
@over(shapes.IM2COL)
def test_col2im(measure, shape, impl):
    measure(impl, cases.col2im, shape)


@impls(*IMAGES)
@over(shapes.POOL)
def test_max_pool2d(measure, shape, impl):
    measure(impl, cases.max_pool, shape)


@impls(*IMAGES)
@over(shapes.POOL)
def test_avg_pool2d(measure, shape, impl):
    measure(impl, cases.avg_pool, shape)


@impls(*PLAIN)
@over(shapes.SEQUENCES)
@pytest.mark.parametrize("kind", ["max", "avg"])
def test_pool1d(measure, kind, shape, impl):
    measure(impl, cases.pool1d, kind, shape)


@impls(*IMAGES)
@over(shapes.NORM)
def test_global_avg_pool2d(measure, shape, impl):
    measure(impl, cases.global_avg_pool, shape)


@impls(*PLAIN)
@over(shapes.SEQUENCES)
def test_max_over_time(measure, shape, impl):
    measure(impl, cases_resize.max_over_time, shape)


@impls(*PLAIN)
@over(shapes.EMBEDDING)
def test_embedding(measure, shape, impl):
    measure(impl, cases_embedding.embedding, shape)


@impls(*IMAGES)
@over(shapes.RESIZED)
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_upsample(measure, mode, shape, impl):
    measure(impl, cases_resize.upsample, mode, shape)


@impls(*IMAGES)
@over(shapes.RESIZED)
@pytest.mark.parametrize("mode", ["constant", "reflect"])
def test_pad(measure, mode, shape, impl):
    measure(impl, cases_resize.pad, mode, shape)


@impls(*IMAGES)
@over(shapes.CHANNELS)
def test_dropout2d(measure, shape, impl):
    measure(impl, cases_resize.dropout2d, shape)


@impls(*IMAGES)
@over(shapes.NORM)
def test_batch_norm_and_relu(measure, shape, impl):
    measure(impl, cases_norm.batch_norm_relu, shape)


@impls(*PLAIN)
@pytest.mark.parametrize("channels", [64, 2048])
def test_batch_norm_fold(measure, channels, impl):
    measure(impl, cases_norm.batch_norm_fold, channels)


@impls(*IMAGES)
@over(shapes.NORM)
def test_group_norm(measure, shape, impl):
    measure(impl, cases_norm.group_norm, shape)


@impls(*IMAGES)
@over([(16, 96, 27, 27)])
def test_local_response_norm(measure, shape, impl):
    measure(impl, cases_norm.local_response_norm, shape)


@impls(*PLAIN)
@over(shapes.ROWS)
def test_layer_norm(measure, shape, impl):
    measure(impl, cases_norm.layer_norm, shape)


@impls(*PLAIN)
@over(shapes.RECURRENT)
@pytest.mark.parametrize("name", list(cases_recurrent.GATES))
def test_recurrent_forward_and_backward(measure, name, shape, impl):
    measure(impl, cases_recurrent.recurrent, name, shape)


@impls(*PLAIN)
@over(shapes.ATTENTION)
@pytest.mark.parametrize("causal", [False, True])
def test_scaled_dot_product_attention(measure, causal, shape, impl):
    measure(impl, cases_attention.attention, causal, shape)


@impls(*PLAIN)
def test_attend_heads(measure, impl):
    measure(impl, cases_attention.attend_heads, 4, (8, 128, 128))


@impls(*PLAIN)
def test_additive_attention(measure, impl):
    measure(impl, cases_attention.additive, (12, 16, 20, 64, 96))


@impls(*PLAIN)
def test_attention_lstm(measure, impl):
    measure(impl, cases_attention.attention_lstm, (12, 16, 20, 64, 96, 48, 64))


@impls(*PLAIN)
@over(shapes.CRF)
def test_crf_log_likelihood(measure, shape, impl):
    measure(impl, cases_text.crf, shape)


@impls(*PLAIN)
@over(shapes.CRF)
def test_crf_decode(measure, shape, impl):
    measure(impl, cases_text.crf_decode, shape)


@impls("fastnn", "numpy")
def test_word2vec(measure, impl):
    measure(impl, cases_text.word2vec, 4000, 1000, 64)


@impls(*PLAIN)
@over(shapes.ELEMENTWISE)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(measure, name, shape, impl):
    measure(impl, cases_elementwise.activation, name, shape)


@impls(*PLAIN)
@over(shapes.ELEMENTWISE)
@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide"])
def test_arithmetic(measure, name, shape, impl):
    measure(impl, cases_elementwise.arithmetic, name, shape)


@impls(*PLAIN)
@over(shapes.ROWS)
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("name", ["sum", "mean", "max"])
def test_reduction(measure, name, axis, shape, impl):
    measure(impl, cases_elementwise.reduction, name, axis, shape)


@impls(*PLAIN)
@over(shapes.ROWS)
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax(measure, name, shape, impl):
    measure(impl, cases_elementwise.softmax, name, shape)


@impls(*PLAIN)
@pytest.mark.parametrize("model", list(shapes.PARAMETERS))
def test_global_norm(measure, model, impl):
    measure(impl, cases_elementwise.global_norm, model, shapes.PARAMETERS[model])


@impls(*PLAIN)
@over(shapes.ROWS)
def test_softmax_cross_entropy(measure, shape, impl):
    measure(impl, cases_elementwise.cross_entropy, shape)


@impls(*PLAIN)
@over(shapes.ELEMENTWISE)
def test_dropout(measure, shape, impl):
    measure(impl, cases_elementwise.dropout, shape)


@impls(*PLAIN, "torch fused")
@pytest.mark.parametrize("model", list(shapes.PARAMETERS))
@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_optimizer_step(measure, name, model, impl):
    measure(impl, cases_elementwise.optimizer, name, model, shapes.PARAMETERS[model])


@impls(*PLAIN)
@pytest.mark.parametrize("model", list(shapes.PARAMETERS))
@pytest.mark.parametrize("name", ["Adagrad", "Adadelta", "RMSprop"])
def test_adaptive_optimizer_step(measure, name, model, impl):
    measure(impl, cases_elementwise.adaptive_optimizer, name, model, shapes.PARAMETERS[model])


@impls(*IMAGES, *(f"torch {layout}, fused Adam" for layout in cases.FORMATS))
def test_lenet5_training_step(measure, impl):
    measure(impl, steps.lenet5)


@impls("fastnn", "torch", "torch, fused Adam")
def test_mlp_training_step(measure, impl):
    measure(impl, steps.mlp)


@impls("fastnn", "torch", "torch, foreach/fused")
def test_text_cnn_training_step(measure, impl):
    measure(impl, text_cnn.training, "Adadelta")


@impls("fastnn", "torch", "torch, fused Adam")
@pytest.mark.parametrize("model", language_models.TRAINING[:1], ids=str)
def test_language_model_training_step(measure, model, impl):
    measure(impl, language_models.training, model)


@impls("fastnn", "torch", "torch, fused Adam")
def test_language_model_training_step_with_lengths(measure, impl):
    measure(impl, language_models.ragged, language_models.TRAINING[0])


@impls("fastnn", "torch", "torch, fused Adam")
def test_tagger_training_step(measure, impl):
    measure(impl, taggers.training, taggers.TAGGERS[0])


@impls("fastnn", "torch", "torch, fused Adam")
def test_gpt_training_step(measure, impl):
    measure(impl, transformers.training, transformers.SMALL)


@impls("fastnn", "torch", "torch, fused Adam")
def test_translation_training_step(measure, impl):
    measure(impl, translation.training, translation.SMALL)


@impls("fastnn", "fastnn, no peepholes")
def test_language_model_with_peepholes(measure, impl):
    measure(impl, language_models.peephole, language_models.TRAINING[0]._replace(peephole=True))


@impls("fastnn", "torch")
@pytest.mark.parametrize("answer", ["inference", "sampling"])
def test_language_model_answer(measure, answer, impl):
    model = language_models.TRAINING[0] if answer == "inference" else language_models.SAMPLED
    measure(impl, getattr(language_models, answer), model)


@impls("fastnn", *captioners.TORCH)
def test_captioner_training_step(measure, impl):
    measure(impl, captioners.training)
