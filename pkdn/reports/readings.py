"""What the paper leaves open, how this project reads it, and where that reading is written."""

from typing import Final, NamedTuple

from pkdn.reports.tables import Table

_AUTOENCODER: Final = "pkdn/networks/_autoencoder.py"
_BLOCKS: Final = "pkdn/networks/_blocks.py"
_PKDN: Final = "pkdn/networks/pkdn.py"
_PARAMS: Final = "params.yaml"


class Reading(NamedTuple):
    """One open question.

    Attributes:
        question: What the paper does not say, or says in two ways.
        reading: What is done here.
        evidence: Why.
        file: Where it is written, from the root of the repository.
        name: The constant, class, function or parameter there.
    """

    question: str
    reading: str
    evidence: str
    file: str
    name: str


READINGS: Final = (
    Reading(
        "What enters the networks?",
        "the LR face, enlarged to 128×128 by bicubic interpolation",
        "the paper follows KDFSRNet, whose networks take that, and its own encoder halves the size",
        _BLOCKS,
        "bicubic_input",
    ),
    Reading(
        "How many levels, how many channels?",
        "4 levels, 128² down to 8², with 64 channels everywhere (demo profile: fewer channels)",
        "KDFSRNet's code",
        _AUTOENCODER,
        "NUM_LEVELS",
    ),
    Reading(
        "Is the enlarged input added to the output?",
        "no in the paper profile; yes in the demo profile, which could not pass bicubic in its "
        "few minutes otherwise",
        "KDFSRNet's code does not add it",
        _PARAMS,
        "global_residual",
    ),
    Reading(
        "What are the first and the last layer?",
        "one 3×3 convolution each, 3 to 64 and 64 to 3 channels",
        "KDFSRNet's code",
        _AUTOENCODER,
        "self.tail",
    ),
    Reading(
        "What surrounds the pixel (un)shuffle of a down- or upsampling block?",
        "one 3×3 convolution, after it on the way down and before it on the way up, without an "
        "activation",
        "KDFSRNet's code",
        _BLOCKS,
        "Downsample",
    ),
    Reading(
        "How large is the student, and what is an RCAG?",
        "9 stages of 6 residual channel attention blocks, with no further convolution or skip "
        "around the group: 5.20 M parameters",
        "KDFSRNet's code",
        _BLOCKS,
        "ResidualChannelAttentionGroup",
    ),
    Reading(
        "How many PFBs stand in one stage of the teacher?",
        "2",
        "FishFSRNet and KDFSRNet's teacher have two blocks in a stage",
        _PKDN,
        "num_prior_blocks",
    ),
    Reading(
        "What are the PFB's layers exactly?",
        "ReLU after both projections; 3×3 fusion; channel and spatial attention side by side; "
        "1×1 fusion; the input is added",
        "the wording of Section 3.3; kernel sizes and ReLU are not stated",
        _PKDN,
        "PriorFusionBlock",
    ),
    Reading(
        "What does the channel attention in PFB and FFB pool?",
        "the average; average, maximum and variance together are the other choice of the same "
        "argument",
        "the plain meaning of the words; FishFSRNet pools all three",
        _PKDN,
        "pooling",
    ),
    Reading(
        "What is the spatial attention in the PFB?",
        "a gate for each pixel and channel, from two 1×1 convolutions",
        "FishFSRNet's code",
        _PKDN,
        "SpatialAttention",
    ),
    Reading(
        "What is the FFB's projection function?",
        "two residual blocks, applied to the difference; the sum is refined by channel attention",
        "FishFSRNet's refinement, and the caption of Fig. 2",
        _PKDN,
        "FeatureFusionBlock",
    ),
    Reading(
        "Where do the FFBs stand?",
        "after the PFBs of each stage of the decoder, each compared with the encoder's features "
        "of its own resolution (at 128² with the first layer's)",
        '"same resolution as the current features"',
        _PKDN,
        "PKDNTeacher",
    ),
    Reading(
        "How is a parsing map given to the teacher?",
        "as a picture in 19 colours; one-hot channels are a variant of their own",
        "KDFSRNet's and FishFSRNet's code",
        _PKDN,
        "TEACHER_VARIANTS",
    ),
    Reading(
        "Does the parsing map also enter the teacher's first layer?",
        "no, only the PFBs",
        "the plainest reading of the text",
        _PKDN,
        "PriorFusionStage",
    ),
    Reading(
        "Which features does Eq. 5 compare?",
        "8: after each of the 4 stages down and the 4 stages up",
        'Eq. 5 says "each downsampling and upsampling block"; KDFSRNet takes the bottleneck too',
        _PKDN,
        "DISTILLED_TAPS",
    ),
    Reading(
        "Is ‖·‖₁ a sum or a mean?",
        "the mean absolute error",
        "the code of every predecessor, and the weights λ are theirs",
        "pkdn/learning/losses.py",
        "_mean_absolute_error",
    ),
    Reading(
        "Which weights has the loss of Eq. 2?",
        "λ_TS 0.1 and λ_FS 10, constant; `distill_epochs` above 0 fades them out",
        "the values are KDFSRNet's, whose code fades them out over 10 epochs; Eq. 2 has constants",
        _PARAMS,
        "distill_epochs",
    ),
    Reading(
        "Which optimiser and which learning rate?",
        "Adam with betas 0.9 and 0.99; paper profile: rate 10⁻⁴ constant, batches of 8, no "
        "augmentation",
        "KDFSRNet's code",
        "pkdn/learning/recipe.py",
        "Adam",
    ),
    Reading(
        "How long is the training?",
        "50 epochs in the paper profile",
        "an author's word on a sister project about CelebA",
        _PARAMS,
        "epochs",
    ),
    Reading(
        "Which PSNR and SSIM?",
        "`y_crop8` in the main tables; all others in the appendix, since SSIM differs more between "
        "definitions than between the best systems",
        "most systems of the paper's Table 1 were scored so",
        "pkdn/metrics/__init__.py",
        "PRIMARY",
    ),
    Reading(
        "How is a face cut out where its box leaves the photo?",
        "the box is moved inside, and only what cannot fit is cut off; DIC's code, which the "
        "paper's data follows, cuts all of it off and so stretches the face",
        "faces keep their shape",
        "pkdn/data/crops.py",
        "landmarks_box",
    ),
    Reading(
        "Which faces of Helen are used for validation?",
        "the 50 of `testset` before the 50 test faces; the test faces are DIC's",
        "the paper's list is not published",
        "pkdn/data/datasets/helen.py",
        "NUM_VAL",
    ),
    Reading(
        "Which faces of CelebA are used?",
        "the official training photos; 100 and 1,000 of the official validation and test photos, "
        "by the hashes of their names",
        "the paper's 168,854 / 100 / 1,000 are left over by a filter whose list is not published",
        "pkdn/data/datasets/celeba.py",
        "NUM_TEST",
    ),
    Reading(
        "How is a face of CelebA cut out, with five landmarks?",
        "by DIC's rule, on the box that 68 landmarks would have, estimated from the five",
        "the estimate is the median over Helen's faces, which have all 68; DIC found 68 landmarks "
        "by a detector",
        "pkdn/data/datasets/celeba.py",
        "BOX_FROM_FIVE",
    ),
    Reading(
        "Is the model for Helen trained on Helen or on CelebA?",
        "every data set has models of its own",
        "KDFSRNet publishes weights of its own for Helen",
        _PARAMS,
        "datasets",
    ),
    Reading(
        "From how many trainings do the numbers come?",
        "from each of `seeds`: mean ± standard deviation, and gains face by face with an interval",
        "the paper names no seeds, and its gains of 0.04 to 0.05 dB may be smaller than the spread",
        _PARAMS,
        "seeds",
    ),
    Reading(
        "Which parser makes the parsing maps?",
        "`parser: trained`, the default, trains the same BiSeNet here, with half of the faces in "
        "other framings, so that its maps carry over to other crops; `parser: pretrained` fetches "
        "the public one",
        "the paper takes a pretrained BiSeNet; the default needs no download",
        "pkdn/parsing/augmentation.py",
        "FRAME_SHARES",
    ),
    Reading(
        "By which recipe were the other systems of Table 1 trained?",
        "by PKDN's own, and a second time by their authors' optimiser, rate, schedule, batches and "
        "augmentation; for as many passes over the faces in either case",
        "the paper does not say; the authors' lengths are for CelebA or not stated",
        "pkdn/learning/recipe.py",
        "AuthorsRecipe",
    ),
    Reading(
        "URDGN: who plays when?",
        "generator and discriminator step side by side from the first step",
        "its code holds back the player that is far ahead and slows the first 30 steps, of which "
        "its paper says nothing",
        "pkdn/networks/urdgn.py",
        "AdversarialTask",
    ),
    Reading(
        "FSRNet: how large are its networks?",
        "3.27 M parameters at 15.3 GMAC: blocks with weights of their own, two hourglasses of "
        "depth 3 with 128 features, whose features enter the decoder",
        "its authors publish no training code; a public re-implementation has the same layers "
        "but one and the same block repeated (2.2 M parameters)",
        "pkdn/networks/fsrnet.py",
        "PriorNetwork",
    ),
    Reading(
        "FSRNet: which priors?",
        "the 19 parsing classes and 68 landmarks that are at hand, all losses of equal weight",
        "its paper takes 11 classes and Helen's 194 landmarks",
        "pkdn/networks/fsrnet.py",
        "PriorTask",
    ),
    Reading(
        "DIC: does its hourglass know landmarks beforehand?",
        "no: everything learns together from the start",
        "its authors start from an hourglass trained on CelebA, and hold it still for the first "
        "2,000 steps (20,000 on Helen); those weights are not part of this project",
        "pkdn/networks/dic.py",
        "LandmarkBranch",
    ),
    Reading(
        "SISN: how many parameters?",
        "8.30 M",
        "its authors' 8.76 M hold 0.45 M of a convolution in each block that nothing uses",
        "pkdn/networks/sisn.py",
        "InternalSplitAttentionBlock",
    ),
    Reading(
        'What does Table 2\'s row "without PFB" mean?',
        "without FFB: the row has PFB ticked and FFB not",
        'the ticks of the row; likewise "MSRB" in the text can only mean FFB',
        "pkdn/reports/systems.py",
        "no_ffb",
    ),
    Reading(
        "Does Table 2 score teachers or students?",
        "the student distilled from each teacher",
        "its last row equals PKDN's row of Table 1",
        "pkdn/reports/systems.py",
        "VARIANTS",
    ),
)


def table() -> Table:
    """Return the readings, one row each."""
    header = ("open question", "reading here", "evidence", "written in")
    rows = [
        (one.question, one.reading, one.evidence, f"`{one.file}`: `{one.name}`") for one in READINGS
    ]
    return Table(header, rows, left=len(header))
