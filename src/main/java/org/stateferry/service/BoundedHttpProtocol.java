package org.stateferry.service;

import org.apache.coyote.http11.Http11NioProtocol;

/** HTTP over connections of a {@link BoundedEndpoint}. Public, with a constructor, because Tomcat makes it by its name. */
public final class BoundedHttpProtocol extends Http11NioProtocol {
    /** Made by Tomcat. */
    public BoundedHttpProtocol() {
        super(new BoundedEndpoint());
    }
}
