package org.stateferry.cli;

import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;
import org.stateferry.qcow2.vmstate.Sample;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** How much of what is stored is read back. */
final class SampleOptions {
    @Spec(Spec.Target.MIXEE)
    private CommandSpec command;

    @Option(
            names = "--sample",
            paramLabel = "PERCENT",
            description =
                    "Read only this share of each state (1 to 100), in pieces of 1 MiB that are spread evenly over it;"
                            + " another run reads other pieces. The metadata is checked as a whole all the same.")
    private @Nullable Integer percent;

    @Option(
            names = "--seed",
            paramLabel = "N",
            description = "With --sample: read the same pieces as the run that printed this seed.")
    private @Nullable Integer seed;

    /**
     * The share that was asked for.
     *
     * @param percent of what is stored
     * @param seed decides which pieces are read
     */
    record Share(int percent, int seed) {
        /** Chooses the pieces of one state. */
        Sample sample() {
            return new Sample(percent, seed);
        }
    }

    /** The share to read, or null for all. */
    @Nullable
    Share share() {
        if (percent == null) {
            if (seed != null) {
                throw new ParameterException(command.commandLine(), "--seed is of use only with --sample");
            }
            return null;
        }
        if (percent < 1 || percent > 100) {
            throw new ParameterException(command.commandLine(), "--sample must be between 1 and 100, not " + percent);
        }
        return new Share(percent, seed == null ? ThreadLocalRandom.current().nextInt(Integer.MAX_VALUE) : seed);
    }
}
