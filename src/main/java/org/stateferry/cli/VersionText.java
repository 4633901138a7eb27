package org.stateferry.cli;

import java.util.Objects;
import picocli.CommandLine.IVersionProvider;

/** The version as the build wrote it into the archive. */
final class VersionText implements IVersionProvider {
    @Override
    public String[] getVersion() {
        return new String[] {"stateferry " + version(), "Java " + Runtime.version()};
    }

    private static String version() {
        return Objects.requireNonNullElse(
                VersionText.class.getPackage().getImplementationVersion(), "(run from unpackaged classes)");
    }
}
